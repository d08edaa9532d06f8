#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "core/autocast.h"
#include "core/io/atomic_file.h"
#include "core/storage.h"
#include "core/threads.h"
#include "tools/bound.h"
#include "tools/command.h"
#include "tools/flags.h"
#include "tools/profile.h"
#include "tools/progress.h"
#include "tools/workload.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin bench                                        training steps of resnext29-8x64d
  fanin bench --model resnext29-8x16d --batch-size 64 --precision bf16 --threads 2
  fanin bench --profile --trace trace.json           where the time goes; ui.perfetto.dev draws the file
  fanin bench --bound --threads 2                    how close the step comes to what this machine can do
  fanin bench --mode forward --batch-size 1 --steps 50 --json
)";

struct Arguments {
  ModelFlags model{.model = "resnext29-8x64d", .model_args = {}};
  std::int64_t batch_size = 32;
  std::int64_t img_size = 0;
  std::string precision = "f32";
  std::string mode = "train";
  std::int64_t steps = 10;
  std::int64_t warmup = 3;
  bool profile = false;
  std::string trace;
  bool bound = false;
};

/// The value below which a share of the sorted values lies, between two of them on the line that joins them.
double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double milliseconds_of(Workload& workload, Profile* profile = nullptr) {
  const auto start = std::chrono::steady_clock::now();
  if (profile != nullptr) profile->begin_step();
  workload.run(profile);
  if (profile != nullptr) profile->end_step();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// Measures the bound of a training step and says how close the step comes.
Json compare(Workload& workload, const MachineLimits& limits, double step_seconds, Console& console) {
  const Trace trace;
  workload.run();
  const Bound bound = measure_bound(trace.entries(), parameters(workload.net()), limits);
  console.result("\n", bound.table(limits), "\nmachine  GEMM ", brief(limits.f32_flops / 1e9), " GFLOP/s f32",
                 limits.bf16_flops > 0 ? text(", ", brief(limits.bf16_flops / 1e9), " bf16") : "",
                 "; direct 3x3 convolution ", brief(limits.f32_convolution_flops / 1e9), " f32",
                 limits.bf16_flops > 0 ? text(", ", brief(limits.bf16_convolution_flops / 1e9), " bf16") : "",
                 "; memory ", brief(limits.read_bytes / 1e9), " GB/s read, ", brief(limits.update_bytes / 1e9),
                 " updated\nbound  ", fixed(1000 * bound.seconds(), 2), " ms (convolutions ",
                 fixed(1000 * bound.convolution_seconds(), 2), ", memory ", fixed(1000 * bound.memory_seconds, 2),
                 " for ", bytes_text(bound.bytes), "), step ", fixed(1000 * step_seconds, 2),
                 " ms: ", fixed(100 * bound.seconds() / step_seconds, 1), "% of this machine's bound");
  return bound.json(step_seconds);
}

void refuse(const Arguments& a) {
  check<UsageError>(a.batch_size > 0 && a.steps > 0, "--batch-size and --steps: expected 1 or more");
  check<UsageError>(a.warmup > 0, "--warmup: expected 1 or more (the first step prepares kernels), got ", a.warmup);
  check<UsageError>(a.img_size >= 0, "--img-size: expected a number of pixels, got ", a.img_size);
  check<UsageError>(a.profile || a.trace.empty(), "--trace does nothing here: it belongs to --profile");
  check<UsageError>(!a.bound || (a.mode == "train" && a.precision != "f64"),
                    "--bound does nothing here: it belongs to training steps in f32 or bf16");
  check<UsageError>(a.mode == "train" || a.mode == "forward", "--mode: expected train or forward, got '", a.mode, "'");
}

Outcome bench(const Arguments& a, const Common& common, Console& console) {
  refuse(a);
  const DType dtype = parse_precision(a.precision);
  const Autocast autocast(autocast_for(a.precision, console));
  ModelArguments suggested;
  if (a.img_size > 0) suggested["image_size"] = text(a.img_size);
  const ModelChoice choice = choose_model(a.model.model, a.model.arguments(), suggested);
  const Shape images = choice.usual_input(a.batch_size, a.img_size);
  check<UsageError>(!a.bound || images.rank() == 4, "--bound knows 2-D convolutions only, and ", choice.name(),
                    " takes clips; --profile works");
  Workload workload(
      {.model = choice, .images = images, .dtype = dtype, .training = a.mode == "train", .seed = common.seed});
  reset_peak_memory();

  const double first = milliseconds_of(workload);
  for (std::int64_t i = 1; i < a.warmup; ++i) workload.run();
  std::optional<Profile> profile;
  if (a.profile || a.bound) profile.emplace(0);
  std::vector<double> times;
  for (std::int64_t i = 0; i < a.steps; ++i) times.push_back(milliseconds_of(workload, profile ? &*profile : nullptr));
  std::ranges::sort(times);
  const double median = quantile(times, 0.5);
  const double rate = 1000 * static_cast<double>(a.batch_size) / median;
  const std::size_t resident = peak_memory();
  const std::size_t tensors = memory_use().peak;

  const std::string precision = a.precision == "bf16" && !autocast_enabled() ? "f32" : a.precision;
  const std::string_view what = a.mode == "train" ? "step" : "pass";
  console.result(choice.name(), " (", key_value_text(choice.arguments), "), input ", images, " ", precision, ", ",
                 threads(), " threads\n", what, "  median ", fixed(median, 2), " ms, quartiles ",
                 fixed(quantile(times, 0.25), 2), " to ", fixed(quantile(times, 0.75), 2), ", min ", fixed(times[0], 2),
                 " (", a.steps, " timed); ", brief(rate), " images/s\nfirst ", what, "  ", fixed(first - median, 2),
                 " ms more than the median\nmemory  peak ", bytes_text(static_cast<double>(resident)),
                 " resident, of tensors ", bytes_text(static_cast<double>(tensors)));
  std::optional<MachineLimits> limits;
  if (a.bound) limits = measure_limits();
  if (profile) console.note("\n", profile->text(limits ? &*limits : nullptr));
  if (!a.trace.empty()) write_file(a.trace, profile->trace().text());
  Outcome outcome;
  Json arguments = Json::object();
  for (const auto& [key, value] : choice.arguments) arguments.set(key, value);
  Json step = Json::object();
  step.set("median", median).set("min", times[0]).set("q1", quantile(times, 0.25)).set("q3", quantile(times, 0.75));
  outcome.json.set("model", choice.name()).set("model_arguments", std::move(arguments));
  outcome.json.set("batch_size", a.batch_size).set("precision", precision).set("mode", a.mode);
  outcome.json.set("threads", threads()).set("steps", a.steps).set("step_ms", std::move(step));
  outcome.json.set("images_per_second", rate).set("first_step_ms", first);
  outcome.json.set("peak_rss_bytes", std::uint64_t{resident}).set("peak_tensor_bytes", std::uint64_t{tensors});
  if (profile) outcome.json.set("profile", profile->json());
  if (limits)
    outcome.json.set("limits", limits->json()).set("bound", compare(workload, *limits, median / 1000, console));
  return outcome;
}

}  // namespace

Command bench_command() {
  return {"bench", "measures a model's speed and memory, on noise", examples, [](Options& options) {
            auto a = std::make_shared<Arguments>();
            a->model.declare(options);
            options.heading("Measuring");
            options.add("mode", &a->mode, "train: whole training steps; forward: passes as eval makes them", "NAME");
            options.add("batch-size", &a->batch_size, "images, or clips, a step");
            options.shorten("batch-size", 'b');
            options.add("img-size", &a->img_size, "side of the square images; 0: the model's usual");
            options.add("precision", &a->precision, "f32, bf16 or f64", "TYPE");
            options.add("steps", &a->steps, "steps timed");
            options.add("warmup", &a->warmup, "steps before those");
            options.add("profile", &a->profile, "where the time goes, by operator and by module, on stderr");
            options.add("bound", &a->bound,
                        "measures this machine and sets the step against its bound: each distinct convolution alone "
                        "in a loop (forward, backward data, backward weight), times how often it is used, + bytes "
                        "that must move ÷ bandwidth of a += b. Bytes: batch norm forward x read, y written, "
                        "backward x and dy read, dx written; with an addend that is read, in backward y read and its "
                        "gradient written, too; add_relu forward a and b read, y written, backward y "
                        "and dy read, dx written; optimiser weight, gradient, momentum read, weight, momentum written");
            options.add("trace", &a->trace, "with --profile: spans of three steps, for chrome://tracing and Perfetto",
                        "FILE.json");
            return Command::Body([a](const Common& common, Console& console) { return bench(*a, common, console); });
          }};
}

}  // namespace fanin
