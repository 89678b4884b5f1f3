/** The looks of all pages: one column that fits a phone, light or dark as the reader has it. */
export const BASE_STYLE: string = `
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --card: #ffffff; --ink: #1c2024; --soft: #5d6670; --line: #dfe3e6;
  --accent: #0b7285; --other: #a9b4bd; --good: #2b8a3e; --bad: #c92a2a; --warn: #b35900;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1c2125; --ink: #e7eaec; --soft: #9aa5ae; --line: #323a40;
    --accent: #3bc9db; --other: #5c6a75; --good: #69db7c; --bad: #ff8787; --warn: #ffa94d;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -0.02em; }
h2 { font-size: 1.3rem; margin: 2.75rem 0 0.25rem; letter-spacing: -0.01em; }
h3 { font-size: 0.95rem; margin: 1.25rem 0 0.35rem; }
p { margin: 0.25rem 0 0.75rem; }
.soft { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--accent);
  border-radius: 8px; padding: 1rem 1.25rem; margin: 1.5rem 0; }
.card h2 { margin: 0 0 0.35rem; font-size: 1rem; color: var(--soft); font-weight: 600; }
.card p { font-size: 1.1rem; margin: 0.2rem 0; }
code { font: 0.88em ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(15rem, 1fr)); gap: 0.75rem 1.5rem; margin: 1.25rem 0; }
dt { font-size: 0.8rem; color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
.legend { font-size: 0.85rem; color: var(--soft); }
.legend i { display: inline-block; width: 0.8em; height: 0.8em; border-radius: 2px; margin: 0 0.3em 0 0.9em; vertical-align: -0.05em; }
.legend i:first-child { margin-left: 0; }
.bar { display: grid; grid-template-columns: 11rem 1fr 5.75rem; gap: 0 0.85rem; align-items: center; padding: 0.16rem 0; font-size: 0.92rem; }
.bar .value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar svg { display: block; width: 100%; height: 18px; }
.bar .failed { color: var(--soft); grid-column: 2 / 4; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 0.75rem 0; }
table { border-collapse: collapse; width: 100%; font-size: 0.88rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child, .text { text-align: left; }
td:first-child, th:first-child { padding-left: 0; } td:last-child, th:last-child { padding-right: 0; }
details { border-top: 1px solid var(--line); padding: 0.6rem 0; margin-top: 0.75rem; }
summary { cursor: pointer; color: var(--soft); font-size: 0.92rem; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0.5rem 0; font: 0.82rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
ul { padding-left: 1.2rem; }
@media (max-width: 40rem) {
  main { padding: 1.25rem 1rem 3rem; }
  h1 { font-size: 1.6rem; }
  .bar { grid-template-columns: 1fr auto; padding: 0.3rem 0; }
  .bar svg { grid-column: 1 / 3; grid-row: 2; height: 14px; }
  .bar .failed { grid-column: 1 / 3; }
}
`;
