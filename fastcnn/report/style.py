"""The style sheet of the report: one column on phones, two on wide screens, light and dark.

Texts have a contrast of at least 4.5 : 1 in both, level AA of the WCAG.
"""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --card: #ffffff; --ink: #1b1f24; --soft: #565d66; --line: #80868b;
  --hair: #dfe1e4; --accent: #174ea6; --right: #174ea6; --wrong: #b3261e; --gray: #80868b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1a1e22; --ink: #e6e8ea; --soft: #a6adb5; --line: #80868b;
    --hair: #31363c; --accent: #8ab4f8; --right: #8ab4f8; --wrong: #f28b82; --gray: #80868b;
  }
}
*, *::before, *::after { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: clamp(2rem, 6vw, 4.5rem); }
footer { padding-top: 3rem; padding-bottom: 4rem; color: var(--soft); font-size: 0.875rem; }

h1, h2, h3, h4 { line-height: 1.2; font-weight: 650; letter-spacing: -0.015em; text-wrap: balance; }
h1 { font-size: clamp(1.9rem, 5vw, 2.75rem); margin: 0 0 0.75rem; }
h2 {
  font-size: 1.5rem; margin: 3.5rem 0 0.5rem; padding-top: 1.25rem;
  border-top: 1px solid var(--hair);
}
h3 { font-size: 1.2rem; margin: 2.5rem 0 0.25rem; }
h2 + section > h3 { margin-top: 1.25rem; }
h4 { font-size: 1rem; margin: 2rem 0 0.25rem; }
p { margin: 0.5rem 0 1rem; max-width: 42rem; }
.lead { font-size: 1.125rem; }
small { color: var(--soft); }
code {
  font: 0.9em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere;
}

a { color: var(--accent); text-underline-offset: 0.2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; border-radius: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { left: 1rem; top: 1rem; padding: 0.5rem 1rem; background: var(--card); z-index: 1; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }
nav ul { padding: 0; margin: 1.5rem 0 0; }
nav a { display: inline-block; padding: 0.25rem 0; }

.results {
  display: flex; flex-wrap: wrap; gap: 1px; margin: 1.5rem 0; overflow: hidden;
  background: var(--hair); border: 1px solid var(--hair); border-radius: 0.5rem;
}
.results div {
  flex: 1 1 8.5rem; display: flex; flex-direction: column-reverse; justify-content: flex-end;
  background: var(--card); padding: 0.875rem 1rem;
}
.results dt { color: var(--soft); font-size: 0.875rem; line-height: 1.35; }
.results dd { margin: 0; font-size: 1.5rem; font-weight: 600; line-height: 1.3; }
.results dd { font-variant-numeric: tabular-nums; }
.results div:first-child dd { color: var(--accent); }
.facts { margin: 1rem 0; max-width: 56rem; }
.facts div {
  display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 1rem; padding: 0.45rem 0;
  border-bottom: 1px solid var(--hair);
}
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }

.pair { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 3rem; align-items: start; }
@media (min-width: 62rem) { .pair { grid-template-columns: repeat(2, minmax(0, 1fr)); } }
figure { margin: 1.25rem 0; min-width: 0; }
figure svg { display: block; width: 100%; height: auto; overflow: visible; }
figure svg { max-width: calc(1.35 * var(--width)); }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
figure svg image { image-rendering: pixelated; }
figcaption { color: var(--soft); font-size: 0.875rem; line-height: 1.5; }
figcaption { margin-top: 0.6rem; max-width: 36rem; }

.scroll { overflow-x: auto; margin: 1.25rem 0; max-width: 46rem; }
.wide { max-width: none; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
table { font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 0.875rem; padding-bottom: 0.5rem; }
th, td { padding: 0.4rem 0.5rem; border-bottom: 1px solid var(--hair); }
th, td { text-align: right; white-space: nowrap; }
th { font-weight: 500; }
thead th { color: var(--soft); border-bottom-color: var(--line); }
th:first-child { text-align: left; padding-left: 0; }
th:last-child, td:last-child { padding-right: 0; }
summary { cursor: pointer; color: var(--accent); padding: 0.25rem 0; }

@media (max-width: 30rem) {
  table { font-size: 0.8125rem; }
  th, td { padding: 0.35rem 0.3rem; }
  th:first-child { white-space: normal; }
  th small { display: block; }
  .facts div { grid-template-columns: 7rem minmax(0, 1fr); }
}
@media print {
  nav, .skip { display: none; }
  figure, tr { break-inside: avoid; }
}
"""
