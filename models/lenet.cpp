#include "models/lenet.h"

#include <algorithm>

#include "core/ops/pool2d/pool2d.h"
#include "core/ops/relu.h"
#include "core/ops/reshape.h"
#include "models/arguments.h"

namespace fanin {

namespace {

Dim padding_for(const LeNetOptions& options) { return std::max<Dim>(0, (33 - options.image_size) / 2); }

/// Pixels left of one side after both poolings.
Dim side_after(const LeNetOptions& options) {
  return ((options.image_size + 2 * padding_for(options) - 4) / 2 - 4) / 2;
}

const LeNetOptions& checked(const LeNetOptions& options) {
  check_count("LeNet", "classes", options.classes);
  check_count("LeNet", "in_channels", options.in_channels);
  check(options.image_size >= 1 && options.image_size <= 4096, "LeNet: image_size must be between 1 and 4096, got ",
        options.image_size);
  return options;
}

}  // namespace

LeNet::LeNet(const LeNetOptions& wanted)
    : options(checked(wanted)),
      conv1(options.in_channels, 6, {.kernel = 5, .padding = padding_for(options)}),
      conv2(6, 16, {.kernel = 5}),
      fc1(16 * side_after(options) * side_after(options), 120),
      fc2(120, 84),
      fc3(84, options.classes) {}

Tensor LeNet::forward(const Tensor& x) {
  check_square_images("LeNet", x, options.in_channels, options.image_size);
  Tensor h = max_pool2d(relu(conv1(x)), {.kernel = 2, .stride = 2});
  h = max_pool2d(relu(conv2(h)), {.kernel = 2, .stride = 2});
  return fc3(relu(fc2(relu(fc1(flatten(h))))));
}

void LeNet::visit(ModuleVisitor& v) {
  v.child("conv1", conv1);
  v.child("conv2", conv2);
  v.child("fc1", fc1);
  v.child("fc2", fc2);
  v.child("fc3", fc3);
}

std::string LeNet::describe() const {
  return text(options.in_channels, "x", options.image_size, "x", options.image_size, ", ", options.classes, " classes");
}

}  // namespace fanin
