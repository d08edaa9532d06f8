#include "core/ops/unary.h"

#include <cmath>

#include "core/ops/activations.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

namespace {

/// One call of torch on x = torch.tensor([-3, -0.5, 0, 0.75, 2]).double(): y, and the gradient of y.sum().
struct Known {
  const char* torch;
  Tensor (*call)(const Tensor&);
  std::vector<double> y, dx;
};

const std::vector<Known> known{
    {"F.leaky_relu(x, 0.1)",
     [](const Tensor& x) { return leaky_relu(x, 0.1); },
     {-0.3, -0.05, 0, 0.75, 2},
     {0.1, 0.1, 0.1, 1, 1}},
    {"F.elu(x, 1.5)",
     [](const Tensor& x) { return elu(x, 1.5); },
     {-1.4253193974482041, -0.5902040104310499, 0, 0.75, 2},
     {0.07468060255179591, 0.9097959895689501, 1.5, 1, 1}},
    {"F.selu(x)",
     selu,
     {-1.6705687287671118, -0.6917581878028713, 0, 0.7880257405166103, 2.101401974710961},
     {0.08753061208026487, 1.0663411530445053, 1.7580993408473766, 1.0507009873554805, 1.0507009873554805}},
    {"F.gelu(x)",
     [](const Tensor& x) { return gelu(x); },
     {-0.00404969409489031, -0.15426876936299344, 0, 0.5800294857173489, 1.9544997361036416},
     {-0.01194564720418392, 0.13250487534383712, 0.5, 0.9992257217392352, 1.085231801078197}},
    {"F.gelu(x, approximate='tanh')",
     [](const Tensor& x) { return gelu(x, GeluForm::tanh); },
     {-0.0036373920817729943, -0.15428599017485606, 0, 0.5799605551656203, 1.954597694087775},
     {-0.011584166630969648, 0.13263009646535764, 0.5, 0.9989382561374143, 1.0860992566236183}},
    {"F.silu(x)",
     silu,
     {-0.14227761953270035, -0.1887703343990727, 0, 0.5093840243815447, 1.7615941559557646},
     {-0.08810410601516962, 0.2600388126973482, 0.5, 0.8425999444967536, 1.0907842487848955}},
    {"torch.sigmoid(x)",
     sigmoid,
     {0.04742587317756678, 0.3775406687981454, 0.5, 0.679178699175393, 0.8807970779778823},
     {0.04517665973091214, 0.2350037122015945, 0.25, 0.21789499376181404, 0.10499358540350662}},
    {"torch.tanh(x)",
     tanh,
     {-0.9950547536867305, -0.46211715726000974, 0, 0.6351489523872873, 0.9640275800758169},
     {0.009866037165440166, 0.7864477329659274, 1, 0.5965858082813315, 0.07065082485316443}},
    {"torch.neg(x)", neg, {3, 0.5, 0, -0.75, -2}, {-1, -1, -1, -1, -1}},
    {"torch.exp(x)",
     exp,
     {0.049787068367863944, 0.6065306597126334, 1, 2.117000016612675, 7.38905609893065},
     {0.049787068367863944, 0.6065306597126334, 1, 2.117000016612675, 7.38905609893065}},
    {"torch.abs(x)", abs, {3, 0.5, 0, 0.75, 2}, {-1, -1, 0, 1, 1}},
    {"x.clamp(-0.5, 0.7)",
     [](const Tensor& x) { return clamp(x, -0.5, 0.7); },
     {-0.5, -0.5, 0, 0.7, 0.7},
     {0, 1, 1, 0, 0}},
};

void check_known(const Known& k, const std::vector<double>& x_values) {
  CAPTURE(k.torch);
  const Tensor x = leaf(x_values, {5});
  const Tensor y = k.call(x);
  expect(y, {5}, k.y);
  backward(y, Tensor::full({5}, 1, DType::f64));
  expect(x.grad(), {5}, k.dx);
}

}  // namespace

TEST_CASE("activations and functions of one number have PyTorch's values and gradients, at kinks too") {
  for (const Known& k : known) check_known(k, {-3, -0.5, 0, 0.75, 2});
}

TEST_CASE("log and sqrt have PyTorch's values and gradients") {
  check_known({"torch.log(x + 4)",
               log,
               {0, 1.252762968495368, 1.3862943611198906, 1.55814461804655, 1.791759469228055},
               {1, 0.2857142857142857, 0.25, 0.21052631578947367, 0.16666666666666666}},
              {1, 3.5, 4, 4.75, 6});
  check_known({"torch.sqrt(x + 4)",
               sqrt,
               {1, 1.8708286933869707, 2, 2.179449471770337, 2.449489742783178},
               {0.5, 0.2672612419124244, 0.25, 0.22941573387056174, 0.20412414523193154}},
              {1, 3.5, 4, 4.75, 6});
}

TEST_CASE("functions of one number keep NaN, and their limits at infinity") {
  for (const Known& k : known) {
    CAPTURE(k.torch);
    CHECK(std::isnan(k.call(leaf({NAN}, {1})).item()));
  }
  expect(sigmoid(leaf({-INFINITY, -1e4, 1e4, INFINITY}, {4})), {4}, {0, 0, 1, 1});
  expect(tanh(leaf({-INFINITY, INFINITY}, {2})), {2}, {-1, 1});
  expect(elu(leaf({-INFINITY, INFINITY}, {2})), {2}, {-1, INFINITY});
  expect(log(leaf({0, -1}, {2})), {2}, {-INFINITY, NAN});
  expect(clamp(leaf({-INFINITY, INFINITY}, {2}), -1, INFINITY), {2}, {-1, INFINITY});
}
