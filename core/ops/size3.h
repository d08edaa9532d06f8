#pragma once

#include <ostream>

#include "core/shape.h"

namespace fanin {

/// Depth (time), height and width, or one number for all three.
struct Size3 {
  Dim d = 0;
  Dim h = 0;
  Dim w = 0;

  constexpr Size3() = default;
  constexpr Size3(Dim all) : d(all), h(all), w(all) {}
  constexpr Size3(Dim depth, Dim height, Dim width) : d(depth), h(height), w(width) {}
  bool operator==(const Size3&) const = default;
  friend std::ostream& operator<<(std::ostream& out, Size3 s) { return out << s.d << "x" << s.h << "x" << s.w; }
};

}  // namespace fanin
