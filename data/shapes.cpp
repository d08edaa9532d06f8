#include "data/shapes.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "core/check.h"
#include "core/random.h"
#include "data/outlines.h"

namespace fanin {
namespace {

using Colour = std::array<double, 3>;

/// Lengths are in units of the image's side.
class Canvas final {
 public:
  explicit Canvas(Dim side) : side_(side), pixels_(static_cast<std::size_t>(3 * side * side)) {}

  /// Sets every pixel to colour(p), p its centre.
  template <class F>
  void paint(F&& colour) {
    for (Dim y = 0; y < side_; ++y)
      for (Dim x = 0; x < side_; ++x) blend(y, x, 1, colour(centre(y, x)));
  }

  /// Lays colour(p) over the region where distance(p) < 0, which lies within `reach` of `middle`. A pixel that the
  /// border crosses is covered by as much as lies inside.
  template <class Distance, class F>
  void lay(Point middle, double reach, Distance&& distance, F&& colour) {
    const auto side = static_cast<double>(side_);
    const auto from = [&](double v) { return std::clamp<Dim>(static_cast<Dim>((v - reach) * side) - 1, 0, side_); };
    const auto to = [&](double v) { return std::clamp<Dim>(static_cast<Dim>((v + reach) * side) + 2, 0, side_); };
    for (Dim y = from(middle.y); y < to(middle.y); ++y)
      for (Dim x = from(middle.x); x < to(middle.x); ++x) {
        const Point p = centre(y, x);
        const double cover = std::clamp(0.5 - distance(p) * side, 0.0, 1.0);
        if (cover > 0) blend(y, x, cover, colour(p));
      }
  }

  /// The bytes, each with its own noise of standard deviation `noise`: a sum of four bytes is nearly normal.
  Image finish(double noise, Stream& stream) const {
    constexpr double spread = 147.8;  // of that sum: 2 √(65535 / 12)
    Image image(3, side_, side_);
    for (std::size_t i = 0; i < pixels_.size(); ++i) {
      const std::uint32_t word = stream.bits();
      const int sum = static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24)) - 510;
      const double value = pixels_[i] + noise * sum / spread;
      image.pixels[i] = static_cast<std::uint8_t>(std::clamp(value + 0.5, 0.0, 255.0));
    }
    return image;
  }

 private:
  Point centre(Dim y, Dim x) const {
    const auto side = static_cast<double>(side_);
    return {(static_cast<double>(x) + 0.5) / side, (static_cast<double>(y) + 0.5) / side};
  }

  void blend(Dim y, Dim x, double cover, const Colour& colour) {
    for (std::size_t c = 0; c < 3; ++c) {
      double& value = pixels_[c * static_cast<std::size_t>(side_ * side_) + static_cast<std::size_t>(y * side_ + x)];
      value += cover * (colour[c] - value);
    }
  }

  Dim side_;
  std::vector<double> pixels_;
};

Colour any_colour(Stream& stream) {
  const double r = stream.uniform(20, 235), g = stream.uniform(20, 235);
  return {r, g, stream.uniform(20, 235)};
}

double brightness(const Colour& c) { return 0.3 * c[0] + 0.6 * c[1] + 0.1 * c[2]; }

/// A colour for the ground, dark enough to leave room above.
Colour ground_colour(Stream& stream) {
  while (true) {
    const Colour colour = any_colour(stream);
    if (brightness(colour) <= 150) return colour;
  }
}

/// A colour clearly brighter than the ground's.
Colour contrasting(const Colour& ground, Stream& stream) {
  while (true) {
    const Colour colour = any_colour(stream);
    if (brightness(colour) >= brightness(ground) + 60) return colour;
  }
}

/// A colour that changes along a random direction by up to `most` from one side of the image to the other.
class Slope final {
 public:
  Slope(const Colour& middle, double most, Stream& stream) : middle_(middle) {
    const double angle = stream.uniform(0, 2 * std::numbers::pi), size = stream.uniform(0, most);
    x_ = size * std::cos(angle);
    y_ = size * std::sin(angle);
  }

  Colour operator()(Point p) const {
    const double change = x_ * (p.x - 0.5) + y_ * (p.y - 0.5);
    return {middle_[0] + change, middle_[1] + change, middle_[2] + change};
  }

 private:
  Colour middle_;
  double x_ = 0;
  double y_ = 0;
};

Point any_point(Stream& stream) {
  const double x = stream.uniform();
  return {x, stream.uniform()};
}

void draw_stroke(Canvas& canvas, Stream& stream) {
  const Point a = any_point(stream);
  const double angle = stream.uniform(0, 2 * std::numbers::pi), length = stream.uniform(0.15, 0.6);
  const double dx = length * std::cos(angle), dy = length * std::sin(angle);
  const double radius = stream.uniform(0.012, 0.03);
  const Colour colour = any_colour(stream);
  const auto distance = [&](Point p) {
    const double along = std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / (length * length), 0.0, 1.0);
    return std::hypot(p.x - a.x - along * dx, p.y - a.y - along * dy) - radius;
  };
  canvas.lay({a.x + dx / 2, a.y + dy / 2}, length / 2 + radius, distance, [&](Point) { return colour; });
}

void draw_speck(Canvas& canvas, Stream& stream) {
  const Point middle = any_point(stream);
  const double radius = stream.uniform(0.02, 0.07);
  const Colour colour = any_colour(stream);
  canvas.lay(
      middle, radius, [&](Point p) { return std::hypot(p.x - middle.x, p.y - middle.y) - radius; },
      [&](Point) { return colour; });
}

/// The silhouette turned, mirrored half of the time, stretched a little, and partly outside at times.
void draw_outline(Canvas& canvas, int label, const Colour& ground, Stream& stream) {
  const double unit = stream.uniform(0.16, 0.28);
  const Point middle{stream.uniform(0.28, 0.72), stream.uniform(0.28, 0.72)};
  const double angle = stream.uniform(0, 2 * std::numbers::pi), stretch = stream.uniform(0.9, 1 / 0.9);
  const double sine = std::sin(angle) / unit, cosine = std::cos(angle) / unit;
  const double mirror = stream.chance(0.5) ? 1 : -1;
  const Slope fill(contrasting(ground, stream), 40, stream);
  const auto distance = [&](Point p) {
    const double x = p.x - middle.x, y = p.y - middle.y;
    return unit *
           outline_distance(label, {(cosine * x + sine * y) * stretch, mirror * (cosine * y - sine * x) / stretch});
  };
  constexpr double farthest = 2.2;  // corner of any outline, in units, stretched
  canvas.lay(middle, farthest * unit, distance, fill);
}

Image draw(Dim side, int label, Stream stream) {
  Canvas canvas(side);
  const Colour ground = ground_colour(stream);
  canvas.paint(Slope(ground, 80, stream));
  for (std::int64_t n = stream.below(3); n > 0; --n) draw_stroke(canvas, stream);
  for (std::int64_t n = stream.below(4); n > 0; --n) draw_speck(canvas, stream);
  draw_outline(canvas, label, ground, stream);
  for (std::int64_t n = stream.below(3); n > 0; --n) draw_speck(canvas, stream);
  return canvas.finish(stream.uniform(3, 12), stream);
}

class Shapes final : public Dataset {
 public:
  Shapes(Split split, Dim side) : side_(side) {
    check<Error>(split != Split::val,
                 "shapes has a train and a test split; hold out a share of train with val_split (--val-split)");
    check<Error>(side >= 8 && side <= 4096, "shapes can be drawn at 8 to 4096 pixels a side, got ", side);
    info_ = {.kind = "shapes",
             .path = "shapes",
             .split = split,
             .val_split = 0,
             .classes = outline_names(),
             .channels = 3,
             .height = side,
             .width = side,
             .normalisation = {{0.485, 0.439, 0.497}, {0.248, 0.234, 0.246}}};
  }

  Dim size() const override { return info_.split == Split::train ? 8000 : 2000; }
  Dim label(Dim i) const override {
    check(i >= 0 && i < size(), "shapes: no image ", i, " among ", size());
    return i % classes();
  }
  Image image(Dim i) const override {
    constexpr std::uint64_t key = 0x736861706573;
    const auto part = static_cast<std::uint64_t>(info_.split);
    return draw(side_, static_cast<int>(label(i)), Stream(key, part, static_cast<std::uint64_t>(i)));
  }
  std::string source(Dim i) const override { return text(name_of(info_.split), ":", i); }
  const DatasetInfo& info() const override { return info_; }

 private:
  Dim side_;
  DatasetInfo info_;
};

}  // namespace

std::shared_ptr<const Dataset> make_shapes(Split split, Dim side) { return std::make_shared<Shapes>(split, side); }

}  // namespace fanin
