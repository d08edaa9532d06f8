#include "tools/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "core/check.h"
#include "tools/progress.h"

namespace fanin {

namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr double width = 640, height = 260, left = 58, right = 12, top = 12, bottom = 36;

struct Axis {
  double low, high;
  double at(double value) const { return (value - low) / (high - low); }
};

/// Steps of 1, 2 or 5 times a power of ten, about `wanted` of them.
std::vector<double> ticks(const Axis& axis, int wanted) {
  const double rough = (axis.high - axis.low) / wanted;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double ratio = rough / power;
  const double step = power * (ratio < 1.5 ? 1 : ratio < 3.5 ? 2 : ratio < 7.5 ? 5 : 10);
  std::vector<double> values;
  for (double i = std::ceil(axis.low / step); i * step <= axis.high + step * 1e-9; ++i) values.push_back(i * step);
  return values;
}

/// Of every bucket of points the lowest and the highest, in order.
Points thinned(const Points& points) {
  constexpr std::size_t buckets = 300;
  if (points.size() <= 2 * buckets) return points;
  Points kept;
  for (std::size_t b = 0; b < buckets; ++b) {
    const auto begin = points.begin() + static_cast<std::ptrdiff_t>(b * points.size() / buckets);
    const auto end = points.begin() + static_cast<std::ptrdiff_t>((b + 1) * points.size() / buckets);
    auto [low, high] =
        std::minmax_element(begin, end, [](const auto& p, const auto& q) { return p.second < q.second; });
    if (low > high) std::swap(low, high);
    kept.push_back(*low);
    if (low != high) kept.push_back(*high);
  }
  return kept;
}

bool drawable(const std::pair<double, double>& point, bool log_y) {
  return std::isfinite(point.second) && (!log_y || point.second > 0);
}

double scaled(double y, bool log_y) { return log_y ? std::log10(y) : y; }

std::pair<Axis, Axis> axes(const std::vector<Curve>& curves, bool log_y) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  Axis x{infinity, -infinity}, y{infinity, -infinity};
  for (const Curve& curve : curves)
    for (const auto& point : curve.points) {
      if (!drawable(point, log_y)) continue;
      x = {std::min(x.low, point.first), std::max(x.high, point.first)};
      y = {std::min(y.low, scaled(point.second, log_y)), std::max(y.high, scaled(point.second, log_y))};
    }
  if (x.high == x.low) x = {x.low - 1, x.high + 1};
  const double margin = y.high == y.low ? 0.5 : 0.04 * (y.high - y.low);
  return {x, {y.low - margin, y.high + margin}};
}

/// Whether the values differ by more than a factor of ten: less reads better on a plain axis.
bool spans_decades(const std::vector<Curve>& curves) {
  const Axis y = axes(curves, true).second;
  return y.high - y.low > 1;
}

std::string path_of(const Points& points, const Axis& x, const Axis& y, bool log_y) {
  std::string path;
  bool pen_down = false;
  for (const auto& point : points) {
    if (!drawable(point, log_y)) {
      pen_down = false;
      continue;
    }
    path += pen_down ? "L" : "M";
    path += fixed(left + x.at(point.first) * (width - left - right), 1) + " " +
            fixed(height - bottom - y.at(scaled(point.second, log_y)) * (height - top - bottom), 1);
    pen_down = true;
  }
  return path;
}

std::string grid(const Axis& x, const Axis& y, const ChartOptions& options) {
  std::string svg;
  for (const double value : ticks(y, 5)) {
    const std::string at = fixed(height - bottom - y.at(value) * (height - top - bottom), 1);
    const double shown = options.log_y ? std::pow(10, value) : value;
    const std::string label = options.percent ? brief(100 * shown) + "%" : brief(shown);
    svg += text("<line class='grid' x1='", left, "' x2='", width - right, "' y1='", at, "' y2='", at, "'/><text x='",
                left - 6, "' y='", at, "' dy='4' text-anchor='end'>", label, "</text>\n");
  }
  for (const double value : ticks(x, 7))
    svg += text("<text x='", fixed(left + x.at(value) * (width - left - right), 1), "' y='", height - bottom + 16,
                "' text-anchor='middle'>", count_text(std::llround(value)), "</text>\n");
  return svg +
         text("<text x='", width - right, "' y='", height - 4, "' text-anchor='end'>", options.x_label, "</text>\n");
}

}  // namespace

std::string svg_chart(const std::vector<Curve>& curves, const ChartOptions& wanted) {
  ChartOptions options = wanted;
  options.log_y = wanted.log_y && spans_decades(curves);
  const bool any = std::ranges::any_of(curves, [&](const Curve& curve) {
    return std::ranges::any_of(curve.points, [&](const auto& point) { return drawable(point, options.log_y); });
  });
  if (!any) return {};
  const auto [x, y] = axes(curves, options.log_y);
  std::string svg = text("<figure><figcaption>", escape_html(options.title));
  for (const Curve& curve : curves)
    if (!curve.points.empty()) svg += text(" <span class='key ", curve.style, "'>", escape_html(curve.name), "</span>");
  svg += text("</figcaption>\n<svg viewBox='0 0 ", width, " ", height, "' role='img' aria-label='",
              escape_html(options.title), "'>\n", grid(x, y, options));
  for (const Curve& curve : curves) {
    const Points points = thinned(curve.points);
    svg += text("<path class='", curve.style, "' d='", path_of(points, x, y, options.log_y), "'/>\n");
    if (points.size() > 40) continue;
    for (const auto& point : points)
      if (drawable(point, options.log_y))
        svg += text("<circle class='", curve.style, "' r='2.5' cx='",
                    fixed(left + x.at(point.first) * (width - left - right), 1), "' cy='",
                    fixed(height - bottom - y.at(scaled(point.second, options.log_y)) * (height - top - bottom), 1),
                    "'/>\n");
  }
  return svg + "</svg></figure>\n";
}

std::string escape_html(std::string_view text) {
  std::string safe;
  for (const char c : text) switch (c) {
      case '&': safe += "&amp;"; break;
      case '<': safe += "&lt;"; break;
      case '>': safe += "&gt;"; break;
      case '"': safe += "&quot;"; break;
      case '\'': safe += "&#39;"; break;
      default: safe += c;
    }
  return safe;
}

}  // namespace fanin
