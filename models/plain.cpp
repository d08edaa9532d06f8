#include "models/plain.h"

#include "core/ops/relu.h"
#include "models/arguments.h"

namespace fanin {

namespace {

const PlainNetOptions& checked(const PlainNetOptions& options) {
  check(options.depth >= 2 && options.depth <= 100'000, "PlainNet: depth must be between 2 and 100,000, got ",
        options.depth);
  check_count("PlainNet", "width", options.width);
  check_count("PlainNet", "classes", options.classes);
  check_count("PlainNet", "in_channels", options.in_channels);
  return options;
}

Sequential make_layers(const PlainNetOptions& options) {
  const Dim convolutions = options.depth - 1;
  Sequential layers;
  for (Dim i = 0; i < convolutions; ++i) {
    const bool halve = i > 0 && (i == convolutions / 3 || i == 2 * convolutions / 3);
    layers.add(text(i + 1),
               PlainLayer(i == 0 ? options.in_channels : options.width, options.width, halve ? 2 : 1, options.norm));
  }
  return layers;
}

}  // namespace

PlainLayer::PlainLayer(Dim in, Dim out, Dim stride, bool norm)
    : conv(in, out, {.kernel = 3, .stride = stride, .padding = 1, .bias = !norm}) {
  if (norm) bn.emplace(out);
}

Tensor PlainLayer::forward(const Tensor& x) { return bn ? bn->then_relu(conv(x)) : relu(conv(x)); }

void PlainLayer::visit(ModuleVisitor& v) {
  v.child("conv", conv);
  if (bn) v.child("bn", *bn);
}

PlainNet::PlainNet(const PlainNetOptions& wanted)
    : options(checked(wanted)), layers(make_layers(options)), classifier(options.width, options.classes) {}

Tensor PlainNet::forward(const Tensor& x) { return classifier(global_average(layers(x))); }

void PlainNet::visit(ModuleVisitor& v) {
  v.child("layers", layers);
  v.child("classifier", classifier);
}

std::string PlainNet::describe() const {
  return text("depth ", options.depth, ", width ", options.width, ", norm ", options.norm ? "batch" : "none", ", ",
              options.classes, " classes");
}

}  // namespace fanin
