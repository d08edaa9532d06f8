#include <algorithm>
#include <chrono>
#include <cmath>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/conv2d/kernels.h"
#include "tools/command.h"
#include "tools/machine.h"
#include "tools/progress.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin doctor                 what this machine offers, what was chosen, how fast it is
  fanin doctor --threads 1     the same on one thread
)";

/// A 3×3 convolution in groups, as ResNeXt is made of.
struct Trial {
  Tensor x = Tensor::full({16, 64, 32, 32}, 0.5);
  Tensor weight = Tensor::full({64, 16, 3, 3}, 0.01);
  Conv2dOptions options{.padding = 1, .groups = 4};
  double operations = 3 * 2.0 * 16 * 64 * 32 * 32 * 16 * 9;  // forward and both gradients
};

/// The best of a few passes forward and backward, in GFLOP/s; and the kernel and layout they took.
Json time_convolution(Backend backend, Console& console) {
  const BackendScope scope(backend);
  Trial trial;
  trial.x.requires_grad_();
  trial.weight.requires_grad_();
  double best = INFINITY;
  std::string kernel, layout;
  for (int pass = 0; pass < 4; ++pass) {
    const auto start = std::chrono::steady_clock::now();
    const Trace trace;
    const Tensor y = conv2d(trial.x, trial.weight, {}, trial.options);
    backward(y, Tensor::full(y.shape(), 1));
    best = std::min(best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    kernel = trace.entries().front().op.kernel;
    layout = text(y.layout());
  }
  const double rate = trial.operations / best / 1e9;
  console.result("  ", name_of(backend), std::string(12 - name_of(backend).size(), ' '), brief(rate),
                 " GFLOP/s (kernel ", kernel, ", layout ", layout, ")");
  Json entry = Json::object();
  return entry.set("gflop_per_second", rate).set("kernel", kernel).set("layout", layout);
}

Outcome doctor(Console& console) {
  Outcome outcome;
  outcome.json = machine();
  outcome.json.set("fanin", FANIN_VERSION);
  console.result("fanin ", FANIN_VERSION);
  for (const auto& [name, value] : *outcome.json.as<Json::Object>()) console.result("  ", name, ": ", value.shown());
  console.result("A grouped 3x3 convolution with its gradients, f32:");
  Json timings = Json::object();
  for (const Backend backend : {Backend::automatic, Backend::onednn, Backend::blas})
    timings.set(name_of(backend), time_convolution(backend, console));
  outcome.json.set("conv2d", timings);
  return outcome;
}

}  // namespace

Command doctor_command() {
  return {"doctor", "says what this machine offers and what was chosen, with a quick timing", examples,
          [](Options&) { return Command::Body([](const Common&, Console& console) { return doctor(console); }); }};
}

}  // namespace fanin
