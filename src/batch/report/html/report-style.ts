/** What only this page has, beside the looks of all. */
export const STYLE: string = `
.card.good { border-left-color: var(--good); } .card.bad { border-left-color: var(--bad); }
.card.open { border-left-color: var(--warn); }
.card strong { font-size: 1.35rem; letter-spacing: -0.01em; }
.card p + p { font-size: 1rem; color: var(--soft); }
.is-all { fill: var(--other); } .is-sent { fill: var(--accent); } .is-bad { fill: var(--bad); } .is-saved { fill: var(--good); }
i.is-all { background: var(--other); } i.is-sent { background: var(--accent); } i.is-bad { background: var(--bad); }
i.is-saved { background: var(--good); }
.legend span { display: inline-block; margin-right: 0.9em; } .legend span i { margin-left: 0; }
.chart { display: block; width: 100%; height: 190px; margin: 0.5rem 0 0.25rem; overflow: visible; }
.chart .grid { stroke: var(--line); stroke-width: 1; }
.chart text { fill: var(--soft); font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; pointer-events: none; }
.chart .pause { fill: var(--line); opacity: 0.45; }
.chart .touch { fill: transparent; } .chart .touch:hover { fill: var(--soft); fill-opacity: 0.15; }
.parts { display: block; width: 100%; height: 26px; margin: 0.75rem 0 0.4rem; }
.bars.short .bar { grid-template-columns: 5.5rem 1fr 9.5rem; }
.bars.long .bar { grid-template-columns: 1fr auto; padding: 0.3rem 0; }
.bars.long .bar svg { grid-column: 1 / 3; grid-row: 2; height: 8px; }
.bars.long .bar > span:first-child { overflow-wrap: anywhere; min-width: 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 0 2.5rem; } .pair > div { min-width: 0; }
.failure { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 0.8rem 1.1rem; margin: 0.75rem 0; }
.failure h3 { margin: 0 0 0.2rem; font-size: 1rem; }
.failure details { border-top: 0; padding: 0.2rem 0 0; margin: 0; }
.failure ul { margin: 0.4rem 0; } .failure li { margin: 0.3rem 0; overflow-wrap: anywhere; }
.mark { display: inline-block; font-size: 0.78rem; font-weight: 600; border-radius: 1rem; padding: 0.05rem 0.6rem; border: 1px solid currentColor; white-space: nowrap; }
.mark.bad, .state.failed { color: var(--bad); } .mark.warn, .state.waiting, .state.begun { color: var(--warn); } .state.done { color: var(--good); }
.state { font-weight: 600; }
.tall { overflow: auto; max-height: 80vh; }
.tall th { position: sticky; top: 0; background: var(--paper); z-index: 1; box-shadow: inset 0 -1px var(--line); }
.tall td { vertical-align: top; }
.images td:first-child { white-space: normal; min-width: 16rem; overflow-wrap: anywhere; }
.images td:last-child { white-space: normal; min-width: 12rem; }
.images small { display: block; color: var(--soft); overflow-wrap: anywhere; font-size: 0.92em; }
.digest { display: block; width: 9.5rem; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; overflow-wrap: normal; }
td > * + .digest::before { content: '→ '; }
td summary { font-size: inherit; } td details { border-top: 0; margin: 0; padding: 0; } td details ul { margin: 0.2rem 0; }
@media (max-width: 40rem) {
  .card strong { font-size: 1.2rem; }
  .pair { grid-template-columns: 1fr; }
  .bars.short .bar { grid-template-columns: 1fr auto; }
  th, td { padding: 0.35rem 0.4rem; } th { white-space: normal; }
  dl { grid-template-columns: 1fr 1fr; } dl .whole { grid-column: 1 / 3; }
  .images thead { display: none; }
  .images tr { display: grid; grid-template-columns: auto 1fr; gap: 0 0.75rem; padding: 0.6rem 0; border-bottom: 1px solid var(--line); }
  .images td { border: 0; padding: 0.1rem 0; text-align: left; min-width: 0; }
  .images td:first-child, .images td:last-child, .images td:nth-child(4) { grid-column: 1 / 3; min-width: 0; }
  .tall { max-height: none; overflow: auto hidden; }
  .digest { width: auto; }
}
@media print {
  :root { --paper: #fff; --card: #fff; --ink: #000; --soft: #444; --line: #ccc; --accent: #0b7285; --other: #a9b4bd;
    --good: #2b8a3e; --bad: #c92a2a; --warn: #b35900; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  .tall { max-height: none; overflow: visible; } .tall th { position: static; }
  .failure, .card, .chart, .bar, tr { break-inside: avoid; } h2, h3 { break-after: avoid; }
}
`;
