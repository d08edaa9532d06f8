#pragma once

#include <string>
#include <vector>

namespace fanin {

struct Point {
  double x = 0;
  double y = 0;
};

/// The silhouettes of the built-in data set, each around the origin and with the area π of the unit disc.
/// Their names in the order of the labels: disc, ring, crescent, heart, triangle, square, star, cross, arrow, ell.
const std::vector<std::string>& outline_names();

/// Signed distance from p to the border of silhouette `label`, negative inside, in the units of p.
double outline_distance(int label, Point p);

}  // namespace fanin
