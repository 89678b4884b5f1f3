/** What only this page has, beside the looks of all. */
export const STYLE: string = `
.is-ours { fill: var(--accent); } .is-peer { fill: var(--other); }
i.is-ours { background: var(--accent); } i.is-peer { background: var(--other); }
.range { stroke: var(--ink); stroke-width: 1.5; }
td.note { white-space: normal; min-width: 15rem; color: var(--soft); }
strong.times { color: var(--good); }
`;
