#include "models/mlp.h"

#include "core/ops/relu.h"
#include "core/ops/reshape.h"
#include "models/arguments.h"

namespace fanin {

namespace {

const MlpOptions& checked(const MlpOptions& options) {
  check(options.depth >= 0 && options.depth <= 10'000, "Mlp: depth must be between 0 and 10,000, got ", options.depth);
  check_count("Mlp", "width", options.width);
  check_count("Mlp", "classes", options.classes);
  check_count("Mlp", "in_channels", options.in_channels);
  check(options.image_size >= 1 && options.image_size <= 4096, "Mlp: image_size must be between 1 and 4096, got ",
        options.image_size);
  return options;
}

Dim pixels(const MlpOptions& options) { return options.in_channels * options.image_size * options.image_size; }

std::vector<Linear> make_hidden(const MlpOptions& options) {
  std::vector<Linear> layers;
  for (Dim i = 0; i < options.depth; ++i) layers.emplace_back(i == 0 ? pixels(options) : options.width, options.width);
  return layers;
}

}  // namespace

Mlp::Mlp(const MlpOptions& wanted)
    : options(checked(wanted)),
      hidden(make_hidden(options)),
      classifier(options.depth == 0 ? pixels(options) : options.width, options.classes) {}

Tensor Mlp::forward(const Tensor& x) {
  check_square_images("Mlp", x, options.in_channels, options.image_size);
  Tensor h = flatten(x);
  for (Linear& layer : hidden) h = relu(layer(h));
  return classifier(h);
}

void Mlp::visit(ModuleVisitor& v) {
  for (std::size_t i = 0; i < hidden.size(); ++i) v.child(text("hidden_", i + 1), hidden[i]);
  v.child("classifier", classifier);
}

std::string Mlp::describe() const {
  return text("depth ", options.depth, ", width ", options.width, ", ", options.classes, " classes");
}

}  // namespace fanin
