#include "data/outlines.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace fanin {
namespace {

using Polygon = std::vector<Point>;

constexpr double pi = std::numbers::pi;

/// Moved to its centroid and scaled to the area π.
Polygon standard(Polygon p) {
  double area = 0, cx = 0, cy = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const Point a = p[i], b = p[(i + 1) % p.size()];
    const double cross = a.x * b.y - b.x * a.y;
    area += cross / 2;
    cx += (a.x + b.x) * cross / 6;
    cy += (a.y + b.y) * cross / 6;
  }
  const double scale = std::sqrt(pi / std::abs(area));
  for (Point& v : p) v = {(v.x - cx / area) * scale, (v.y - cy / area) * scale};
  return p;
}

/// `points` corners on the unit circle, every second one pulled in to `inner`.
Polygon round_polygon(int points, double inner) {
  Polygon p;
  for (int i = 0; i < points; ++i) {
    const double angle = 2 * pi * i / points, radius = i % 2 == 0 ? 1 : inner;
    p.push_back({radius * std::cos(angle), radius * std::sin(angle)});
  }
  return p;
}

/// The unit disc without a smaller one beside its centre: an arc of the first and back along one of the second.
Polygon crescent() {
  constexpr double radius = 0.9, shift = 0.62;
  const double x = (shift * shift + 1 - radius * radius) / (2 * shift);  // where the circles meet
  const double outer = std::acos(x), inner = std::acos((x - shift) / radius);
  constexpr int steps = 14;
  Polygon p;
  for (int i = 0; i < steps; ++i) {
    const double angle = outer + (2 * pi - 2 * outer) * i / steps;
    p.push_back({std::cos(angle), std::sin(angle)});
  }
  for (int i = 0; i < steps; ++i) {
    const double angle = 2 * pi - inner - (2 * pi - 2 * inner) * i / steps;
    p.push_back({shift + radius * std::cos(angle), radius * std::sin(angle)});
  }
  return p;
}

/// x = 16 sin³ t, y = 13 cos t − 5 cos 2t − 2 cos 3t − cos 4t.
Polygon heart() {
  Polygon p;
  for (int i = 0; i < 32; ++i) {
    const double t = 2 * pi * i / 32, s = std::sin(t);
    p.push_back({16 * s * s * s, 13 * std::cos(t) - 5 * std::cos(2 * t) - 2 * std::cos(3 * t) - std::cos(4 * t)});
  }
  return p;
}

/// Nearest distance to an edge; inside if a ray to the right crosses an odd number of edges.
double polygon_distance(const Polygon& polygon, Point p) {
  double nearest = std::numeric_limits<double>::max();
  bool inside = false;
  for (std::size_t i = 0; i < polygon.size(); ++i) {
    const Point a = polygon[i], b = polygon[i + 1 < polygon.size() ? i + 1 : 0];
    const double ex = b.x - a.x, ey = b.y - a.y, px = p.x - a.x, py = p.y - a.y;
    const double along = std::clamp((px * ex + py * ey) / (ex * ex + ey * ey), 0.0, 1.0);
    const double dx = px - along * ex, dy = py - along * ey;
    nearest = std::min(nearest, dx * dx + dy * dy);
    if ((a.y > p.y) != (b.y > p.y) && px < py * ex / ey) inside = !inside;
  }
  return inside ? -std::sqrt(nearest) : std::sqrt(nearest);
}

}  // namespace

const std::vector<std::string>& outline_names() {
  static const std::vector<std::string> names{"disc",   "ring", "crescent", "heart", "triangle",
                                              "square", "star", "cross",    "arrow", "ell"};
  return names;
}

double outline_distance(int label, Point p) {
  static const std::array<Polygon, 8> polygons{
      standard(crescent()),
      standard(heart()),
      standard(round_polygon(3, 1)),
      standard(round_polygon(4, 1)),
      standard(round_polygon(10, 0.42)),
      standard(
          {{1, 1}, {1, 3}, {-1, 3}, {-1, 1}, {-3, 1}, {-3, -1}, {-1, -1}, {-1, -3}, {1, -3}, {1, -1}, {3, -1}, {3, 1}}),
      standard({{-3, -1}, {0, -1}, {0, -3}, {4, 0}, {0, 3}, {0, 1}, {-3, 1}}),
      standard({{0, 0}, {4, 0}, {4, 1.6}, {1.6, 1.6}, {1.6, 5}, {0, 5}})};
  const double radius = std::hypot(p.x, p.y);
  if (label == 0) return radius - 1;
  constexpr double hole = 0.55;  // of the ring's outer radius
  static const double outer = 1 / std::sqrt(1 - hole * hole);
  if (label == 1) return std::max(radius - outer, hole * outer - radius);
  return polygon_distance(polygons.at(static_cast<std::size_t>(label - 2)), p);
}

}  // namespace fanin
