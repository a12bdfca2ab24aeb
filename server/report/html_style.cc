// SPDX-License-Identifier: Apache-2.0
#include "server/report/html_style.h"

namespace lk::report {

const char kStyle[] = R"css(
:root {
  color-scheme: light dark;
  --page: #ffffff; --card: #f5f6f8; --line: #d5d9e0; --text: #1a1d23; --dim: #5b6370; --link: #0b57d0;
  --pass: #146c2e; --fail: #b3261e; --error: #7a2e9e; --unproven: #8a5300; --skip: #5b6370;
  --mark: #ffe9b0; --bar: #3867d6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1e2127; --line: #363b45; --text: #e6e8ec; --dim: #9aa3b2; --link: #8ab4f8;
    --pass: #6dd58c; --fail: #ff8a80; --error: #d7a1f9; --unproven: #f2b84b; --skip: #9aa3b2;
    --mark: #4a3c10; --bar: #7c9cff;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 80rem; background: var(--page); color: var(--text);
       font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: .2rem 0; }
p { margin: .3rem 0; }
a { color: var(--link); }
code, pre, .mono { font: 13px/1.45 ui-monospace, monospace; }
pre { margin: .5rem 0; padding: .6rem; background: var(--page); border: 1px solid var(--line); border-radius: 6px;
      overflow: auto; max-height: 28rem; white-space: pre; overflow-wrap: normal; tab-size: 8; }
nav { display: flex; flex-wrap: wrap; gap: .2rem 1rem; margin: .6rem 0; }
.dim { color: var(--dim); }
.head { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem; }
.tag { display: inline-block; padding: 0 .5rem; border: 1px solid; border-radius: 1rem; font-size: 13px;
       white-space: nowrap; }
.pass, .killed { color: var(--pass); } .fail, .survived { color: var(--fail); } .error, .miss { color: var(--error); }
.unproven, .undecided, .flaky, .emulated, .harness { color: var(--unproven); } .skip, .pending, .skipped { color: var(--skip); }
.card { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--line); border-radius: 6px;
        padding: .6rem .8rem; margin: .6rem 0; }
.card.fail { border-left-color: var(--fail); color: inherit; }
.card:target { outline: 2px solid var(--link); }
.title { font-weight: 600; font-size: 1.05rem; }
.where { margin: .2rem 0; }
.where b { background: var(--mark); padding: 0 .25rem; border-radius: 3px; }
.frames { margin: .4rem 0; padding: 0; list-style: none; }
.frames li { padding-left: 1rem; text-indent: -1rem; }
.frames b { background: var(--mark); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; margin: .4rem 0; min-width: 20rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line);
         overflow-wrap: normal; }
th { font-weight: 600; color: var(--dim); font-size: 13px; white-space: nowrap; }
td.num, th.num { text-align: right; white-space: nowrap; }
td.nowrap, td.nowrap a { white-space: nowrap; }
td.long { min-width: 16rem; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: minmax(7rem, max-content) 1fr; gap: .1rem .8rem; margin: .4rem 0; }
dt { color: var(--dim); } dd { margin: 0; }
summary { cursor: pointer; }
details { margin: .4rem 0; }
svg { display: block; width: 100%; font: 12px system-ui, sans-serif; fill: var(--text); }
svg .axis { stroke: var(--line); } svg .tick { fill: var(--dim); } svg .heat { fill: var(--bar); }
svg .range { stroke: var(--text); } svg .dot { fill: var(--text); }
footer { margin-top: 2.5rem; color: var(--dim); font-size: 13px; }
@media (max-width: 40rem) {
  body { padding: .7rem; font-size: 14px; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; }
}
@media print { pre { max-height: none; white-space: pre-wrap; } }
)css";

}  // namespace lk::report
