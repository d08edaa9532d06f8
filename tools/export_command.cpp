#include <memory>

#include "layers/fold_batch_norm.h"
#include "tools/command.h"
#include "tools/flags.h"
#include "tools/progress.h"
#include "tools/weights_file.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin export --weights runs/cifar --fold-bn --output folded.safetensors
  fanin eval --weights folded.safetensors --data ~/cifar-10-batches-bin
)";

struct Arguments {
  std::string weights;
  std::string output;
  std::int64_t img_size = 0;
  bool fold_bn = false;
  ModelFlags model;
};

Outcome export_weights(const Arguments& a, Console& console) {
  check<UsageError>(!a.weights.empty(), "--weights is needed: a safetensors file or a run folder");
  check<UsageError>(a.fold_bn, "--fold-bn is what there is to export so far: weights with batch norm folded into them");
  check<UsageError>(!a.output.empty(), "--output is needed: the safetensors file to write");
  WeightsFile file = load_weights(a.weights);
  const Dim side = a.img_size > 0 ? a.img_size : file.info.image_size;
  check<UsageError>(side > 0, file.path, " does not say how large its images are; add --img-size");
  const Dim channels = file.info.channels > 0 ? file.info.channels : 3;
  const auto net = build_from(file, a.model.model, a.model.arguments(), DType::f32);
  const auto folded = fold_batch_norm(*net, {channels, side, side});
  check<FileError>(folded != nullptr, file.path, ": batch norm cannot be folded into these weights");
  if (!a.model.model.empty()) {
    const ModelChoice choice = choice_of(file, a.model.model, a.model.arguments());
    file.info.model = choice.name();
    file.info.arguments = choice.arguments;
  }
  file.info.folded = true;
  file.info.image_size = side;
  file.info.channels = channels;
  const StateDict state = state_dict(*folded);
  save_weights(a.output, state, file.info);
  console.note("wrote ", count_text(parameter_count(*folded)), " parameters to ", a.output);
  Outcome outcome;
  outcome.json.set("output", a.output).set("parameters", parameter_count(*folded));
  outcome.json.set("tensors", static_cast<Dim>(state.size()));
  return outcome;
}

}  // namespace

Command export_command() {
  return {"export", "writes weights for inference: batch norm folded into the convolutions", examples,
          [](Options& options) {
            auto a = std::make_shared<Arguments>();
            options.heading("Export");
            options.add("weights", &a->weights, "a safetensors file, or a run folder: its best weights, else its last",
                        "FILE");
            options.add("fold-bn", &a->fold_bn, "weights and biases without batch norm, for eval and predict");
            options.add("output", &a->output, "the safetensors file to write", "FILE");
            options.add("img-size", &a->img_size, "side of the square images; 0: as it was trained");
            a->model.declare(options);
            return Command::Body([a](const Common&, Console& console) { return export_weights(*a, console); });
          }};
}

}  // namespace fanin
