#include <algorithm>
#include <memory>

#include "core/autocast.h"
#include "core/io/npy.h"
#include "tools/command.h"
#include "tools/evaluate.h"
#include "tools/flags.h"
#include "tools/progress.h"
#include "tools/verification.h"
#include "tools/weights_file.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin eval --weights runs/cifar                      its best weights, on the data it was trained on
  fanin eval --weights runs/cifar --split val          on the images held out in training
  fanin eval --weights w.safetensors --data ~/mnist --split test --json
  fanin eval --weights foreign.safetensors --model resnext29-8x64d --data ~/cifar-10-batches-bin --split test
  fanin eval --weights runs/cifar --logits logits.npy  for tools of your own
)";

struct Arguments {
  std::string weights;
  std::string split;
  std::string logits;
  std::string precision = "f32";
  std::int64_t batch_size = 128;
  bool verify = false;
  DataFlags data;
  ModelFlags model;
};

/// Where nothing was said, the data, size and held-out part the weights were trained with.
void fill_from(const WeightsInfo& info, Arguments& a, const Options& options) {
  const bool same_data = !options.given("data") || a.data.data == info.data || a.split == "val";
  if (!options.given("data")) a.data.data = info.data;
  if (!options.given("img-size") && info.image_size > 0) a.data.img_size = info.image_size;
  if (!options.given("val-split") && same_data) a.data.val_split = info.val_split;
  if (a.data.mean.empty()) a.data.mean = info.normalisation.mean;
  if (a.data.std.empty()) a.data.std = info.normalisation.std;
}

Split choose_split(const Arguments& a) {
  if (!a.split.empty()) return parse_split(a.split);
  const std::vector<Split> there = available_splits(a.data.data, a.data.options());
  for (const Split split : {Split::test, Split::val})
    if (std::ranges::find(there, split) != there.end()) return split;
  fail<UsageError>(a.data.data, " has neither test nor validation images; choose with --split train or --val-split");
}

/// Classes in another order would be counted as wrong answers.
void compare_classes(const WeightsFile& file, const DatasetInfo& data, Console& console) {
  const std::vector<std::string>& known = file.info.classes;
  if (known.empty() || known == data.classes) return;
  check<FileError>(known.size() == data.classes.size(), file.path, ": trained on ", known.size(),
                   " classes, the data has ", data.classes.size());
  console.warn("the data's class names are not those the network was trained on");
}

Json per_class(const Confusion& confusion, const std::vector<std::string>& names, Console& console) {
  Json list = Json::object();
  for (Dim c = 0; c < confusion.classes(); ++c) {
    const Dim count = confusion.of_class(c);
    const double share = count > 0 ? static_cast<double>(confusion(c, c)) / static_cast<double>(count) : 0;
    const std::string& name = names[static_cast<std::size_t>(c)];
    console.result("  ", name, std::string(std::max<std::size_t>(name.size(), 20) - name.size() + 1, ' '),
                   fixed(100 * share, 2), "% of ", count_text(count));
    Json entry = Json::object();
    list.set(name, entry.set("samples", count).set("top1", share));
  }
  return list;
}

Json rows_of(const Confusion& confusion) {
  Json::Array rows;
  for (Dim label = 0; label < confusion.classes(); ++label) {
    Json::Array row;
    for (Dim predicted = 0; predicted < confusion.classes(); ++predicted) row.emplace_back(confusion(label, predicted));
    rows.emplace_back(std::move(row));
  }
  return rows;
}

Outcome eval(Arguments& a, const Options& options, const Common& common, Console& console) {
  check<UsageError>(!a.weights.empty(), "--weights is needed: a safetensors file or a run folder");
  check<UsageError>(a.batch_size > 0, "--batch-size: expected 1 or more, got ", a.batch_size);
  const DType dtype = parse_precision(a.precision);
  const Autocast autocast(autocast_for(a.precision, console));
  const WeightsFile file = load_weights(a.weights);
  check<UsageError>(!a.data.data.empty() || !file.info.data.empty(), file.path,
                    " does not say what it was trained on; add --data");
  fill_from(file.info, a, options);
  const Split split = choose_split(a);
  const auto data = open_dataset(a.data.data, split, a.data.options());
  compare_classes(file, data->info(), console);
  ModelArguments model_arguments = a.model.arguments();
  if (!a.model.model.empty() && a.model.model != file.info.model)
    for (const auto& [key, value] : suggested_arguments(data->info())) model_arguments.try_emplace(key, value);
  const DatasetInfo& info = data->info();
  const auto net = build_for_inference(file, a.model.model, model_arguments, autocast_enabled() ? DType::bf16 : dtype,
                                       {info.channels, info.height, info.width});
  if (split == Split::val && !file.info.val_fingerprint.empty() && fingerprint_text(*data) != file.info.val_fingerprint)
    console.warn("these are not the images that were held out when the network was trained");

  const VerificationScope verification(a.verify, common);
  Tensor logits;
  Progress progress(console);
  const Evaluation result =
      evaluate(*net, data,
               {.batch_size = a.batch_size,
                .dtype = dtype,
                .normalisation = a.data.normalisation(data->info().normalisation, data->info().channels),
                .go_on =
                    [&](Dim done) {
                      progress.working(text("evaluating ", count_text(done), " of ", count_text(data->size())));
                      return true;
                    },
                .logits = a.logits.empty() ? nullptr : &logits});
  progress.clear();
  if (!a.logits.empty()) save_npy(a.logits, logits);

  console.result(file.path, " on ", a.data.data, " (", name_of(split), "): top1 ", fixed(100 * result.top1, 2),
                 "%  top5 ", fixed(100 * result.top5, 2), "%  loss ", fixed(result.loss, 4), "  of ",
                 count_text(result.samples), " images");
  Outcome outcome;
  outcome.json.set("samples", result.samples).set("loss", result.loss).set("top1", result.top1);
  outcome.json.set("top5", result.top5).set("split", name_of(split)).set("data", a.data.data);
  outcome.json.set("weights", file.path).set("classes", Json::list(data->info().classes));
  outcome.json.set("per_class", per_class(result.confusion, data->info().classes, console));
  outcome.json.set("confusion", rows_of(result.confusion));
  verification.report(outcome, console);
  return outcome;
}

}  // namespace

Command eval_command() {
  return {"eval", "measures accuracy of a run or a weights file", examples, [](Options& options) {
            auto a = std::make_shared<Arguments>();
            options.heading("Evaluation");
            options.add("weights", &a->weights, "a safetensors file, or a run folder: its best weights, else its last",
                        "FILE");
            options.add("split", &a->split, "train, val or test; else test where the data has it, then val", "NAME");
            options.add("logits", &a->logits, "writes [samples, classes] f32 in data-set order", "OUT.npy");
            options.add("batch-size", &a->batch_size, "images at a time");
            options.shorten("batch-size", 'b');
            options.add("precision", &a->precision, "f32, bf16 or f64", "TYPE");
            declare_verify(&a->verify, options);
            a->data.data.clear();  // nothing may stand for what the weights were trained on
            a->data.declare(options, "as in training");
            a->model.declare(options);
            return Command::Body(
                [a, &options](const Common& common, Console& console) { return eval(*a, options, common, console); });
          }};
}

}  // namespace fanin
