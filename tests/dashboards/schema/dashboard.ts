// SPDX-License-Identifier: Apache-2.0
// The type of our dashboards, based on Grafana's types. Grafana's types allow any object as a panel's options and
// queries; here, each kind of panel has its own types for them.
import type { Dashboard, FieldConfig, Panel, RowPanel } from '@grafana/schema';
import type * as BarChart from '@grafana/schema/dist/esm/raw/composable/barchart/panelcfg/x/BarChartPanelCfg_types.gen';
import type * as BarGauge from '@grafana/schema/dist/esm/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen';
import type * as Heatmap from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as Timeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Table from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { PrometheusDataQuery } from '@grafana/schema/dist/esm/raw/composable/prometheus/dataquery/x/PrometheusDataQuery_types.gen';

// A T as it appears in JSON, since TypeScript does not accept literals for enums.
type Json<T> = T extends string ? `${T}`
  : T extends number ? (`${T}` extends `${infer N extends number}` ? N : never)
  : T extends (infer Element)[] ? Json<Element>[]
  : T extends object ? { [Key in keyof T]: Json<T[Key]> }
  : T;

type None = Record<string, never>;

type Of<Type extends string, Options, Custom> = Omit<Panel, 'type' | 'options' | 'targets' | 'fieldConfig'> & {
  type: Type;
  options: Options;
  targets: PrometheusDataQuery[];
  fieldConfig: {
    defaults: Omit<FieldConfig, 'custom'> & { custom: Custom };
    overrides: NonNullable<Panel['fieldConfig']>['overrides'];
  };
};

type LkPanel =
  | Of<'barchart', BarChart.Options, BarChart.FieldConfig>
  | Of<'bargauge', BarGauge.Options, None>
  | Of<'heatmap', Heatmap.Options, None>
  | Of<'stat', Stat.Options, None>
  | Of<'state-timeline', Timeline.Options, Timeline.FieldConfig>
  | Of<'table', Table.Options, Table.FieldConfig>
  | Of<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  | RowPanel;

export type LkDashboard = Json<Omit<Dashboard, 'panels'> & { uid: string; title: string; panels: LkPanel[] }>;
