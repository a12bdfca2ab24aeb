# SPDX-License-Identifier: Apache-2.0
"""The parts of Grafana dashboards, as JSON for Grafana 10.4 (schema version 39); newer versions migrate it.

Every panel has a title, a description, a unit and a text for missing data, and queries the data source in the
variable `datasource`.
"""
from dataclasses import dataclass

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
TOOLTIP = {"mode": "multi", "sort": "desc"}
LEGEND = {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []}
VALUE_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}


def steps(base, *more):
    """Thresholds: the base colour, then (value, colour) pairs; each colour applies from its value upwards."""
    return {"mode": "absolute", "steps": [{"color": base, "value": None}] +
            [{"color": color, "value": value} for value, color in more]}


GREEN = steps("green")
RED_ABOVE_0 = steps("green", (1e-9, "red"))
RATIO = steps("red", (0.5, "orange"), (0.9, "yellow"), (1, "green"))


def target(ref, expr, legend=None, **more):
    query = {"refId": ref, "datasource": DATASOURCE, "expr": expr, **more}
    if legend:
        query["legendFormat"] = legend
    return query


def range_targets(queries):
    """queries: {legend: expression}. {{label}} in a legend is replaced with the value of that label."""
    return [target(chr(ord("A") + i), expr, legend, range=True)
            for i, (legend, expr) in enumerate(queries.items())]


def panel(kind, title, description, size, targets, options, unit="short", no_data="no data yet", custom=None,
          thresholds=GREEN, mappings=(), overrides=(), color="thresholds", repeat=None, transformations=(), **limits):
    made = {
        "type": kind, "title": title, "description": description, "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1]}, "targets": targets, "options": options,
        "fieldConfig": {
            "defaults": {"unit": unit, "noValue": no_data, "thresholds": thresholds, "mappings": list(mappings),
                         "color": {"mode": color}, "custom": custom or {}, **limits},
            "overrides": list(overrides)},
    }
    if transformations:
        made["transformations"] = list(transformations)
    if repeat:
        made |= {"repeat": repeat, "repeatDirection": "v"}
    return made


def stat(title, description, expr, unit="short", size=(4, 4), legend=None, text="auto", **more):
    options = {"colorMode": "value", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
               "reduceOptions": VALUE_LAST, "showPercentChange": False, "textMode": text, "wideLayout": True}
    return panel("stat", title, description, size, [target("A", expr, legend, instant=True)], options, unit, **more)


def bar_gauge(title, description, expr, legend, unit, size=(8, 8), **more):
    options = {"displayMode": "basic", "maxVizHeight": 300, "minVizHeight": 16, "minVizWidth": 8,
               "namePlacement": "auto", "orientation": "horizontal", "reduceOptions": VALUE_LAST,
               "showUnfilled": True, "sizing": "auto", "valueMode": "color"}
    return panel("bargauge", title, description, size, [target("A", expr, legend, instant=True)], options, unit,
                 min=0, **more)


def time_series(title, description, queries, unit="short", size=(12, 8), stacked=False, log=False, **more):
    custom = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 30 if stacked else 0, "showPoints": "auto",
              "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
              "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"}}
    return panel("timeseries", title, description, size, range_targets(queries),
                 {"legend": LEGEND, "tooltip": TOOLTIP}, unit, custom=custom, color="palette-classic", **more)


def heat_map(title, description, expr, size=(12, 9), **more):
    """expr: cumulative buckets by le, in seconds."""
    options = {
        "calculate": False, "cellGap": 1, "exemplars": {"color": "rgba(255,0,255,0.7)"}, "filterValues": {"le": 1e-9},
        "color": {"mode": "scheme", "scheme": "Oranges", "fill": "dark-orange", "scale": "exponential",
                  "exponent": 0.5, "reverse": False, "steps": 64},
        "legend": {"show": True}, "rowsFrame": {"layout": "auto"}, "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": "s"}}
    return panel("heatmap", title, description, size, [target("A", expr, "{{le}}", format="heatmap", range=True)],
                 options, **more)


def state_timeline(title, description, expr, legend, states, size=(12, 8), **more):
    """states: [(text, colour)] for the values 0, 1, ..."""
    mapping = {"type": "value", "options": {str(i): {"text": text, "color": color, "index": i}
                                            for i, (text, color) in enumerate(states)}}
    options = {"alignValue": "left", "legend": LEGEND, "mergeValues": True, "rowHeight": 0.9, "showValue": "auto",
               "tooltip": {"mode": "single", "sort": "none"}}
    return panel("state-timeline", title, description, size, range_targets({legend: expr}), options,
                 custom={"fillOpacity": 70, "lineWidth": 0}, mappings=[mapping], **more)


@dataclass
class Column:
    """A column of numbers: an expression with the keys of the table as labels."""
    title: str
    expr: str
    unit: str = "short"
    thresholds: dict | None = None  # the cell's background
    hidden: bool = False            # used only for sorting


def joined(keys, columns, sort, descending):
    """Targets and transformations for one row per combination of the keys ({label: title}), sorted by the column titled
    `sort` if given."""
    refs = [chr(ord("A") + i) for i in range(len(columns))]
    # Grafana names the value fields "Value #A", "Value #B", ... if there are several queries.
    fields = [f"Value #{ref}" for ref in refs] if len(refs) > 1 else ["Value"]
    names = keys | {field: column.title for field, column in zip(fields, columns)}
    transformations = [{"id": "merge", "options": {}}]
    if sort:
        field = next(field for field, title in names.items() if title == sort)
        transformations.append({"id": "sortBy", "options": {"fields": {},
                                                            "sort": [{"field": field, "desc": descending}]}})
    hidden = {field: True for field, column in zip(fields, columns) if column.hidden}
    transformations.append({"id": "organize", "options": {
        "excludeByName": {"Time": True} | hidden,
        "indexByName": {field: i for i, field in enumerate(names)}, "renameByName": names}})
    targets = [target(ref, column.expr, instant=True, format="table") for ref, column in zip(refs, columns)]
    return targets, transformations


def override(name, **properties):
    return {"matcher": {"id": "byName", "options": name},
            "properties": [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]}


def table(title, description, keys, columns, sort=None, descending=True, size=(24, 9), links=None, **more):
    """links: {column title: (link title, URL)}"""
    targets, transformations = joined(keys, columns, sort, descending)
    overrides = []
    for column in columns:
        look = {"unit": column.unit}
        if column.thresholds:
            look |= {"thresholds": column.thresholds,
                     "custom__cellOptions": {"type": "color-background", "mode": "basic"}}
        if not column.hidden:
            overrides.append(override(column.title, **look))
    for name, (text, url) in (links or {}).items():
        overrides.append(override(name, links=[{"title": text, "url": url, "targetBlank": True}]))
    options = {"cellHeight": "sm", "frameIndex": 0, "showHeader": True, "sortBy": []}
    return panel("table", title, description, size, targets, options, transformations=transformations,
                 custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False},
                 overrides=overrides, **more)


def bars(title, description, key, columns, order, unit, size=(24, 8), colors=None, stacked=False, log=False, **more):
    """One group of bars per value of a label (key: (label, title)), in ascending order of the expression `order`."""
    targets, transformations = joined(dict([key]), columns + [Column("Order", order, hidden=True)], "Order", False)
    custom = {"fillOpacity": 80, "lineWidth": 1, "axisLabel": "", "axisPlacement": "auto",
              "scaleDistribution": {"type": "log", "log": 10} if log else {"type": "linear"}}
    options = {"barRadius": 0, "barWidth": 0.9, "fullHighlight": False, "groupWidth": 0.8, "legend": LEGEND,
               "orientation": "auto", "showValue": "never", "stacking": "normal" if stacked else "none",
               "tooltip": TOOLTIP, "xField": key[1], "xTickLabelMaxLength": 24, "xTickLabelRotation": -30,
               "xTickLabelSpacing": 0}
    overrides = [override(name, color={"mode": "fixed", "fixedColor": color}) for name, color in (colors or {}).items()]
    return panel("barchart", title, description, size, targets, options, unit, transformations=transformations,
                 custom=custom, overrides=overrides, color="palette-classic", **more)


def row(title, panels, repeat=None):
    made = {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": {"w": 24, "h": 1}}
    if repeat:
        made["repeat"] = repeat
    return [made, *panels]


def variable(name, label, query, everything=True, all_value=None, **more):
    """A variable whose choices come from the data source; `everything` allows selecting several or all."""
    made = {"type": "query", "name": name, "label": label, "datasource": DATASOURCE, "refresh": 2, "sort": 1,
            "query": {"query": query, "refId": name}, "multi": everything, "includeAll": everything, **more}
    if everything:
        made["current"] = {"text": ["All"], "value": ["$__all"]}
    if all_value:
        made["allValue"] = all_value
    return made


def place(panels):
    """Numbers the panels and lays them out from left to right, starting a new line after a width of 24."""
    x = y = line = 0
    for number, made in enumerate(panels, start=1):
        at = made["gridPos"]
        if x + at["w"] > 24:
            x, y, line = 0, y + line, 0
        made["id"] = number
        made["gridPos"] = {"x": x, "y": y, **at}
        x, line = x + at["w"], max(line, at["h"])
    return panels


def dashboard(uid, title, description, variables, panels, time="now-7d", refresh="1m"):
    return {
        "uid": uid, "title": title, "description": description, "tags": ["lk"], "schemaVersion": 39, "version": 1,
        "editable": False, "graphTooltip": 1, "timezone": "browser", "time": {"from": time, "to": "now"},
        "refresh": refresh, "annotations": {"list": []}, "templating": {"list": variables},
        "links": [{"type": "dashboards", "title": "lk", "tags": ["lk"], "icon": "external link", "tooltip": "",
                   "asDropdown": False, "includeVars": True, "keepTime": True, "targetBlank": False, "url": ""}],
        "panels": place(panels)}
