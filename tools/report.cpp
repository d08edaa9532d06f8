#include "tools/report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "core/io/json.h"
#include "tools/chart.h"
#include "tools/metrics.h"
#include "tools/progress.h"

namespace fanin {

namespace {

constexpr std::string_view style = R"(<style>
:root { color-scheme: light dark; --ink: #1c2024; --dim: #667; --line: #d8dce2; --a: #1f6fd0; --b: #d1600a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8ea; --dim: #99a; --line: #3a4048; --a: #6aa9f5; --b: #f0924a; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 1360px; margin: 2em auto; padding: 0 1em; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
.tiles { display: flex; flex-wrap: wrap; gap: 1em; }
.tiles div { border: 1px solid var(--line); border-radius: 6px; padding: .5em 1em; }
.tiles b { display: block; font-size: 1.3em; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 1em; }
figure { margin: 0; } figcaption { color: var(--dim); }
svg text { font-size: 11px; fill: var(--dim); } svg path { fill: none; stroke-width: 1.8; }
.grid { stroke: var(--line); }
path.a { stroke: var(--a); } circle.a { fill: var(--a); } path.b { stroke: var(--b); } circle.b { fill: var(--b); }
path.faint { stroke: var(--a); opacity: .35; stroke-width: 1; } circle.faint { display: none; }
.key::before { content: ''; display: inline-block; width: 1.2em; height: 3px; margin: 0 .4em 0 .8em; }
.key::before { vertical-align: middle; }
.key.a::before { background: var(--a); } .key.b::before { background: var(--b); }
.key.faint::before { background: var(--a); opacity: .35; }
table { border-collapse: collapse; } .scroll { overflow-x: auto; }
td, th { padding: .15em .6em; text-align: right; font-weight: normal; } th { color: var(--dim); }
.options td { text-align: left; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
</style>
)";

std::vector<std::vector<std::string>> read_csv(const std::string& path) {
  std::vector<std::vector<std::string>> rows(1, std::vector<std::string>(1));
  bool quoted = false;
  for (const char c : read_file(path)) {
    if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      rows.back().emplace_back();
    else if (c == '\n' && !quoted)
      rows.emplace_back(1);
    else
      rows.back().back() += c;
  }
  rows.pop_back();
  return rows;
}

double to_number(const std::string& word) {
  double value = 0;
  std::from_chars(word.data(), word.data() + word.size(), value);
  return value;
}

std::string tile(std::string_view name, const std::string& value) {
  return text("<div>", name, "<b>", escape_html(value), "</b></div>\n");
}

std::string tiles(const std::vector<MetricsRow>& rows, const Json& arguments) {
  Best best;
  double seconds = 0, loss = NAN;
  std::int64_t step = 0;
  for (const MetricsRow& row : rows) {
    step = std::max(step, row.step);
    if (std::isfinite(row.seconds)) seconds = row.seconds;
    if (std::isfinite(row.train_loss))
      loss = row.train_loss;
    else if (std::isfinite(row.loss) && std::isnan(loss))
      loss = row.loss;
    best.note(row.epoch, row.val_top1, row.val_loss);
  }
  std::string html = "<div class='tiles'>\n";
  if (best.epoch >= 0)
    html += tile(text("best validation accuracy, epoch ", best.epoch), fixed(100 * best.top1, 2) + "%");
  if (std::isfinite(loss)) html += tile("training loss", fixed(loss, 4));
  html += tile("steps", count_text(step)) + tile("time", duration_text(seconds));
  if (!arguments["parameters"].is_null())
    html += tile("parameters", count_text(static_cast<std::int64_t>(arguments["parameters"].number())));
  return html + "</div>\n";
}

std::string curves(const std::vector<MetricsRow>& rows) {
  const auto points = [&](double MetricsRow::*value) {
    std::vector<std::pair<double, double>> list;
    for (const MetricsRow& row : rows)
      if (!std::isnan(row.*value)) list.emplace_back(static_cast<double>(row.step), row.*value);
    return list;
  };
  return "<h2>Curves</h2>\n<div class='charts'>\n" +
         svg_chart({{"of each step", "faint", points(&MetricsRow::loss)},
                    {"training", "a", points(&MetricsRow::train_loss)},
                    {"validation", "b", points(&MetricsRow::val_loss)}},
                   {.title = "Loss", .log_y = true}) +
         svg_chart({{"of each step", "faint", points(&MetricsRow::top1)},
                    {"training", "a", points(&MetricsRow::train_top1)},
                    {"validation", "b", points(&MetricsRow::val_top1)}},
                   {.title = "Accuracy", .percent = true}) +
         svg_chart({{"learning rate", "a", points(&MetricsRow::lr)}}, {.title = "Learning rate"}) +
         svg_chart({{"images a second", "a", points(&MetricsRow::images_per_second)}}, {.title = "Speed"}) + "</div>\n";
}

/// Rows are labels, shaded by their share; the last column is how many of the row were right.
std::string confusion(const std::string& path) {
  const auto table = read_csv(path);
  if (table.size() < 2) return {};
  const bool numbers = table.size() <= 31;
  std::string html =
      "<h2>Confusion</h2>\n<p>A row for each true class, a column for what it was taken for.</p>\n"
      "<div class='scroll'><table>\n<tr><th></th>";
  for (std::size_t c = 1; c < table[0].size() && numbers; ++c) html += "<th>" + escape_html(table[0][c]) + "</th>";
  html += numbers ? "<th>right</th></tr>\n" : "</tr>\n";
  for (std::size_t r = 1; r < table.size(); ++r) {
    double total = 0;
    for (std::size_t c = 1; c < table[r].size(); ++c) total += to_number(table[r][c]);
    html += "<tr><th>" + escape_html(table[r][0]) + "</th>";
    for (std::size_t c = 1; c < table[r].size(); ++c) {
      const double share = total > 0 ? to_number(table[r][c]) / total : 0;
      html += text("<td style='background:color-mix(in srgb,var(", c == r ? "--a" : "--b", ") ",
                   std::lround(70 * std::sqrt(share)), "%,transparent)", numbers ? "'>" : ";padding:.3em'>",
                   numbers ? table[r][c] : "", "</td>");
    }
    if (total > 0) html += "<td>" + fixed(100 * to_number(table[r][r]) / total, 1) + "%</td>";
    html += "</tr>\n";
  }
  return html + "</table></div>\n";
}

std::string options_table(const Json& arguments) {
  std::string html = "<h2>Options</h2>\n<table class='options'>\n";
  for (const char* part : {"options", "data", "machine"})
    if (const auto* object = arguments[part].as<Json::Object>())
      for (const auto& [name, value] : *object)
        html += text("<tr><td>", escape_html(name), "</td><td>", escape_html(value.shown()), "</td></tr>\n");
  return html + "</table>\n";
}

}  // namespace

void write_report(const std::string& folder) {
  const auto file = [&](std::string_view name) { return (std::filesystem::path(folder) / name).string(); };
  const Json arguments = Json::parse(read_file(file("args.json")), file("args.json"));
  const std::vector<MetricsRow> rows = read_metrics(file("metrics.jsonl"));
  const std::string title = text(arguments["model"].string("a network"), " on ", arguments["options"]["data"].string());
  std::string html = text("<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n<title>", escape_html(title),
                          "</title>\n", style, "</head><body>\n<h1>", escape_html(title), "</h1>\n");
  html += tiles(rows, arguments) + curves(rows);
  std::error_code ignored;
  if (std::filesystem::exists(file("confusion.csv"), ignored)) html += confusion(file("confusion.csv"));
  write_file(file("report.html"), html + options_table(arguments) + "</body></html>\n");
}

}  // namespace fanin
