// Entry of the custom ECharts build that the report inlines; see README.md for how it is built.
import * as core from "echarts/core";
import { BarChart, LineChart, ScatterChart } from "echarts/charts";
import { AriaComponent, AxisPointerComponent, GridComponent, TooltipComponent } from "echarts/components";
import { SVGRenderer } from "echarts/renderers";

core.use([
  BarChart, LineChart, ScatterChart,
  AriaComponent, AxisPointerComponent, GridComponent, TooltipComponent,
  SVGRenderer,
]);

export const init = core.init;
export const version = core.version;
