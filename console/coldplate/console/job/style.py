"""How the page of a job looks: one style sheet, for light, dark and paper."""

CSS = """
:root{--ground:#f7f8fa;--card:#fff;--ink:#17212b;--soft:#5c6b7a;--line:#e1e6eb;--grid:#edf0f3;--main:#0b6e99;--most:#0b6e9938;--ends:#0b6e9916;
--good:#1a7f4b;--warm:#b26a00;--bad:#c0362c;--note:#fff6e0;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ground:#10161c;--card:#18212a;--ink:#e6edf3;--soft:#94a3b1;--line:#2a3641;--grid:#222d37;
--main:#58b9e0;--most:#58b9e044;--ends:#58b9e01c;--good:#4cc38a;--warm:#e5a445;--bad:#f0786d;--note:#2c2614}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:1180px;margin:0 auto;padding:28px 24px 40px}
h1{font-size:28px;line-height:1.2;margin:0;overflow-wrap:anywhere;letter-spacing:-.01em}
h2{font-size:16px;margin:0 0 10px;letter-spacing:.01em}
h2 small{font-weight:400;color:var(--soft);font-size:13px;margin-left:8px}
header p{margin:4px 0 0;color:var(--soft)}
.title{display:flex;gap:12px;align-items:center;flex-wrap:wrap}
.chip{display:inline-block;border-radius:99px;padding:1px 10px;font-size:12.5px;font-weight:600;border:1px solid currentColor;white-space:nowrap}
.chip.critical,.bad{color:var(--bad)}.chip.warning,.warm{color:var(--warm)}.chip.ticket,.chip.info,.soft{color:var(--soft)}.chip.good,.good{color:var(--good)}
.note{background:var(--note);border-left:3px solid var(--warm);padding:8px 14px;border-radius:4px;margin:14px 0 0}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(170px,1fr));gap:12px;margin:20px 0}
.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px}
.tile b{display:block;font-size:26px;line-height:1.25;font-weight:650;letter-spacing:-.02em;white-space:nowrap}
.tile span{color:var(--soft);font-size:13px}
.tile em{font-style:normal;font-size:12.5px;color:var(--soft);display:block;margin-top:2px}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:14px;margin-top:14px}
.wide{margin-top:14px}
svg{display:block;width:100%;height:auto}
svg text{fill:var(--soft);font-size:11px}
.grid{stroke:var(--grid)}.tick{stroke:var(--soft);opacity:.5}
.ends{fill:var(--ends)}.most{fill:var(--most)}.median{fill:none;stroke:var(--main);stroke-width:1.8;stroke-linejoin:round}
.hover{fill:transparent}.hover:hover{fill:var(--main);opacity:.12}
.mark line{stroke:var(--soft);stroke-dasharray:3 3}.mark path{fill:var(--soft)}
.mark.critical line{stroke:var(--bad)}.mark.critical path{fill:var(--bad)}.mark.warning line{stroke:var(--warm)}.mark.warning path{fill:var(--warm)}
.key{display:flex;gap:16px;flex-wrap:wrap;color:var(--soft);font-size:12.5px;margin:16px 2px 0}
.key i{display:inline-block;width:20px;height:10px;border-radius:2px;margin-right:6px;vertical-align:0}
.key .k1{background:var(--main);height:2px;vertical-align:3px}.key .k2{background:var(--most)}.key .k3{background:var(--ends);outline:1px solid var(--most)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
th{text-align:left;font-weight:600;color:var(--soft);font-size:12.5px;padding:4px 10px 6px 0;border-bottom:1px solid var(--line);white-space:nowrap}
td{padding:6px 10px 6px 0;border-bottom:1px solid var(--grid);vertical-align:top;overflow-wrap:anywhere}
tr:last-child td{border-bottom:0}
.n{text-align:right;white-space:nowrap}.t{white-space:nowrap}
.bar{display:inline-block;width:100%;min-width:70px;height:8px;border-radius:4px;background:var(--grid);overflow:hidden;vertical-align:middle}
.bar i{display:block;height:100%;background:var(--main);border-radius:4px;min-width:1px}.bar.bad i{background:var(--bad)}.bar.warm i{background:var(--warm)}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr));gap:0 40px;margin:0}dl div{display:flex;justify-content:space-between;gap:16px;padding:5px 0;border-bottom:1px solid var(--grid)}dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere}
.none{color:var(--soft);margin:0}
footer{color:var(--soft);font-size:12.5px;margin-top:22px}footer p{margin:2px 0}
@media print{:root{--ground:#fff;--card:#fff;--ink:#000;--soft:#444;--line:#bbb;--grid:#ddd;--main:#0b6e99;--most:#0b6e9938;--ends:#0b6e9916;
--good:#1a7f4b;--warm:#b26a00;--bad:#c0362c;--note:#fff6e0}
body{font-size:11px;print-color-adjust:exact;-webkit-print-color-adjust:exact}main{padding:0;max-width:none}.card{break-inside:avoid;padding:10px 12px}
.tiles{grid-template-columns:repeat(6,1fr);gap:6px}.tile b{font-size:17px}.two{grid-template-columns:1fr 1fr;gap:8px}}
"""
