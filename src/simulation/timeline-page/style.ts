/** How the page looks, by day and by night. The picture takes its colours from the same variables. */
export const style = `
:root {
  color-scheme: light dark;
  --ground: #ffffff; --panel: #f4f5f7; --line: #d5d9e0; --text: #1c2330; --dim: #5d6778;
  --calm: #dfe6f2; --calm-other: #cbd6ea; --late: #f5b971; --later: #e8833a; --absent: #9aa3b2;
  --fault: rgba(214, 69, 69, 0.13); --fault-line: #b23b3b; --violation: #c81e1e; --final: #1a8f4c;
  --proposal: #2462d6; --prepare: #0e8f9c; --commit: #2f9e44; --round-change: #d9730d; --other: #8a94a6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181f; --panel: #1c222c; --line: #333c4a; --text: #e6eaf1; --dim: #9aa6b8;
    --calm: #2a3447; --calm-other: #344159; --late: #8a5a1e; --later: #b8601c; --absent: #5b6475;
    --fault: rgba(240, 100, 100, 0.17); --fault-line: #ef8a8a; --violation: #ff6b6b; --final: #4cc77f;
    --proposal: #7aa5ff; --prepare: #4fc7d3; --commit: #69d387; --round-change: #ffab5e; --other: #77829a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
header { padding: 14px 18px 6px; }
h1 { font-size: 18px; margin: 0 0 2px; }
h2 { font-size: 14px; margin: 0 0 6px; }
header p { margin: 0; color: var(--dim); }
code { font: 12px/1.4 ui-monospace, monospace; }
.verdict { margin: 8px 18px; padding: 10px 14px; border-left: 5px solid var(--final); background: var(--panel); }
.verdict.violated { border-color: var(--violation); }
.verdict p { margin: 4px 0 0; color: var(--dim); }
.verdict strong { color: var(--final); }
.verdict.violated strong { color: var(--violation); }
.bar { display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; padding: 4px 18px 8px; }
button { font: inherit; color: inherit; background: var(--panel); border: 1px solid var(--line); border-radius: 5px;
  padding: 3px 10px; cursor: pointer; }
button:focus-visible, canvas:focus-visible, summary:focus-visible { outline: 2px solid var(--proposal); outline-offset: 1px; }
label { display: inline-flex; gap: 5px; align-items: center; }
.swatch { width: 12px; height: 12px; border-radius: 3px; display: inline-block; }
main { display: grid; grid-template-columns: minmax(0, 1fr) 340px; gap: 12px; padding: 0 18px 12px; }
@media (max-width: 900px) { main { grid-template-columns: minmax(0, 1fr); } }
.stage { position: relative; border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
canvas { display: block; width: 100%; touch-action: pan-y; cursor: grab; }
aside { display: flex; flex-direction: column; gap: 12px; min-width: 0; }
.box { background: var(--panel); border-radius: 6px; padding: 10px 12px; }
#story { list-style: none; margin: 0; padding: 0; max-height: 46vh; overflow: auto; }
#story button { display: grid; grid-template-columns: 62px 1fr; gap: 8px; width: 100%; text-align: left; border: 0;
  background: none; padding: 2px 4px; border-radius: 3px; overflow-wrap: anywhere; }
#story button:hover { background: var(--ground); }
#story time { color: var(--dim); font-variant-numeric: tabular-nums; text-align: right; }
#story .key { color: var(--violation); font-weight: 600; }
#story .fault { color: var(--fault-line); }
#details { overflow-wrap: anywhere; min-height: 4.4em; }
#details dl { display: grid; grid-template-columns: auto 1fr; gap: 1px 10px; margin: 4px 0 0; }
#details dt { color: var(--dim); }
#details dd { margin: 0; }
details { padding: 0 18px 18px; }
details li { margin: 2px 0; }
`;
