#include "models/c3d.h"

#include "core/ops/max_pool3d.h"
#include "core/ops/relu.h"
#include "core/ops/reshape.h"
#include "models/arguments.h"

namespace fanin {

namespace {

const C3DOptions& checked(const C3DOptions& options) {
  check_count("C3D", "classes", options.classes);
  check_count("C3D", "in_channels", options.in_channels);
  check_count("C3D", "width", options.width);
  check(options.image_size >= 16 && options.image_size <= 4096,
        "C3D: image_size must be between 16, which four poolings make 1, and 4096, got ", options.image_size);
  return options;
}

/// Values of one channel after all poolings, which leave one point in time.
Dim area_after(const C3DOptions& options) {
  const Dim side = options.image_size / 16 / 2 + 1;
  return side * side;
}

Conv3d convolution(Dim in, Dim out) { return {in, out, {.kernel = 3, .padding = 1}}; }

}  // namespace

C3D::C3D(const C3DOptions& wanted)
    : options(checked(wanted)),
      conv1(convolution(options.in_channels, options.width)),
      conv2(convolution(options.width, 2 * options.width)),
      conv3a(convolution(2 * options.width, 4 * options.width)),
      conv3b(convolution(4 * options.width, 4 * options.width)),
      conv4a(convolution(4 * options.width, 8 * options.width)),
      conv4b(convolution(8 * options.width, 8 * options.width)),
      conv5a(convolution(8 * options.width, 8 * options.width)),
      conv5b(convolution(8 * options.width, 8 * options.width)),
      fc6(8 * options.width * area_after(options), 64 * options.width),
      fc7(64 * options.width, 64 * options.width),
      fc8(64 * options.width, options.classes),
      dropout6(options.dropout),
      dropout7(options.dropout) {}

Tensor C3D::forward(const Tensor& x) {
  const Dim side = options.image_size;
  check(x.rank() == 5 && x.shape() == Shape{x.dim(0), options.in_channels, frames, side, side},
        "C3D: this one was built for clips [N, ", options.in_channels, ", ", frames, ", ", side, ", ", side, "], got ",
        x.shape(), "; build it with other in_channels and image_size");
  Tensor h = max_pool3d(relu(conv1(x)), {.kernel = {1, 2, 2}});
  h = max_pool3d(relu(conv2(h)), {.kernel = 2});
  h = max_pool3d(relu(conv3b(relu(conv3a(h)))), {.kernel = 2});
  h = max_pool3d(relu(conv4b(relu(conv4a(h)))), {.kernel = 2});
  h = max_pool3d(relu(conv5b(relu(conv5a(h)))), {.kernel = 2, .padding = {0, 1, 1}});
  h = dropout6(relu(fc6(flatten(h))));
  return fc8(dropout7(relu(fc7(h))));
}

void C3D::visit(ModuleVisitor& v) {
  v.child("conv1", conv1);
  v.child("conv2", conv2);
  v.child("conv3a", conv3a);
  v.child("conv3b", conv3b);
  v.child("conv4a", conv4a);
  v.child("conv4b", conv4b);
  v.child("conv5a", conv5a);
  v.child("conv5b", conv5b);
  v.child("fc6", fc6);
  v.child("fc7", fc7);
  v.child("fc8", fc8);
  v.child("dropout6", dropout6);
  v.child("dropout7", dropout7);
}

std::string C3D::describe() const {
  return text(options.in_channels, "x", frames, "x", options.image_size, "x", options.image_size, ", width ",
              options.width, ", ", options.classes, " classes");
}

}  // namespace fanin
