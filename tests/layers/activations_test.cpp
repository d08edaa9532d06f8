#include "layers/activations.h"

#include <doctest/doctest.h>

using namespace fanin;

namespace {

template <class Layer>
void check_layer(Layer layer, std::string_view type, std::string_view options, const Tensor& expected) {
  CAPTURE(type);
  const Tensor x = Tensor::from(std::vector<float>{-3, -0.5F, 0, 0.75F, 2}, {1, 5});
  CHECK(layer.type() == type);
  CHECK(layer.describe() == options);
  CHECK(state_dict(layer).empty());
  CHECK(layer(x).values() == expected.values());
  layer.eval();
  CHECK(layer(x).values() == expected.values());
}

}  // namespace

TEST_CASE("activation layers run their operator with PyTorch's defaults, in training and evaluation alike") {
  const Tensor x = Tensor::from(std::vector<float>{-3, -0.5F, 0, 0.75F, 2}, {1, 5});
  check_layer(LeakyReLU(), "LeakyReLU", "negative_slope 0.01", leaky_relu(x, 0.01));
  check_layer(LeakyReLU(0.2), "LeakyReLU", "negative_slope 0.2", leaky_relu(x, 0.2));
  check_layer(ELU(), "ELU", "alpha 1", elu(x, 1));
  check_layer(ELU(0.5), "ELU", "alpha 0.5", elu(x, 0.5));
  check_layer(SELU(), "SELU", "", selu(x));
  check_layer(GELU(), "GELU", "", gelu(x));
  check_layer(GELU(GeluForm::tanh), "GELU", "tanh form", gelu(x, GeluForm::tanh));
  check_layer(SiLU(), "SiLU", "", silu(x));
  check_layer(Sigmoid(), "Sigmoid", "", sigmoid(x));
  check_layer(Tanh(), "Tanh", "", tanh(x));
  check_layer(Softmax(), "Softmax", "dim 1", softmax(x, 1));
  check_layer(Softmax(0), "Softmax", "dim 0", softmax(x, 0));
}
