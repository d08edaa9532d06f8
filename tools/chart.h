#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fanin {

/// A line through points (x, y); those that are not finite break it.
struct Curve {
  std::string name;
  std::string style;  // CSS class: "a", "b" or "faint"
  std::vector<std::pair<double, double>> points;
};

struct ChartOptions {
  std::string title;
  std::string x_label = "step";
  bool log_y = false;    // where the values span more than a factor of ten
  bool percent = false;  // y is a fraction of 1
};

/// An inline SVG with axes, round ticks and a legend. Curves of many points are thinned to what can be seen, their
/// extremes kept. Empty if there is nothing to draw.
std::string svg_chart(const std::vector<Curve>& curves, const ChartOptions& options);

/// With &, <, > and quotes written as entities.
std::string escape_html(std::string_view text);

}  // namespace fanin
