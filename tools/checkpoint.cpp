#include "tools/checkpoint.h"

#include <algorithm>

#include "core/check.h"
#include "core/io/json.h"
#include "core/io/safetensors.h"
#include "core/simd.h"
#include "core/threads.h"

namespace fanin {

namespace {

constexpr int format = 2;

void append(StateDict& all, std::string_view prefix, const StateDict& part) {
  for (const auto& [name, tensor] : part) all.emplace_back(text(prefix, name), tensor);
}

StateDict part_of(const StateDict& all, std::string_view prefix) {
  StateDict part;
  for (const auto& [name, tensor] : all)
    if (name.starts_with(prefix)) part.emplace_back(name.substr(prefix.size()), tensor);
  return part;
}

/// `part` in the order of `like`, which is not the order of the file.
StateDict ordered(const StateDict& part, const StateDict& like) {
  StateDict sorted;
  for (const auto& [wanted, unused] : like)
    for (const auto& [name, tensor] : part)
      if (name == wanted) sorted.emplace_back(name, tensor);
  return sorted;
}

std::string header_of(const TrainState& state, const TrainParts& parts) {
  Json header = Json::object();
  header.set("format", format).set("step", state.step).set("epoch", state.epoch).set("batch", state.batch);
  header.set("ended", state.ended);
  header.set("loss_sum", state.loss_sum).set("best_epoch", state.best.epoch).set("best_top1", state.best.top1);
  header.set("best_loss", state.best.loss).set("seconds", state.seconds);
  header.set("schedule", Json::list(parts.schedule.state()));
  header.set("threads", threads()).set("isa", static_cast<int>(isa()));
  return header.text();
}

}  // namespace

void save_checkpoint(const std::string& path, const TrainState& state, const TrainParts& parts) {
  StateDict all;
  append(all, "model.", state_dict(parts.net));
  append(all, "optimizer.", parts.optimizer.state());
  if (parts.ema != nullptr) append(all, "ema.", parts.ema->average());
  const Dim classes = state.confusion.classes();
  all.emplace_back("confusion", Tensor::from(state.confusion.counts(), {classes, classes}));
  save_safetensors(path, all, {{"state", header_of(state, parts)}});
}

std::string load_checkpoint(const std::string& path, TrainState& state, const TrainParts& parts) {
  const SafetensorsFile file = load_safetensors(path);
  const auto found = file.metadata.find("state");
  check<FileError>(found != file.metadata.end(), path, ": no checkpoint of a training");
  const Json header = Json::parse(found->second, path);
  check<FileError>(header["format"].number() == format, path, ": written by another version of fanin");
  const auto whole = [&](const char* name) { return static_cast<std::int64_t>(header[name].number()); };
  state.step = whole("step");
  state.epoch = whole("epoch");
  state.batch = whole("batch");
  state.ended = whole("ended");
  state.loss_sum = header["loss_sum"].number();
  state.best.epoch = whole("best_epoch");
  state.best.top1 = header["best_top1"].number();
  state.best.loss = header["best_loss"].number(std::numeric_limits<double>::infinity());
  state.seconds = header["seconds"].number();
  try {
    load_state_dict(parts.net, part_of(file.tensors, "model."));
    parts.optimizer.load_state(part_of(file.tensors, "optimizer."));
    if (parts.ema != nullptr) parts.ema->load(ordered(part_of(file.tensors, "ema."), parts.ema->average()));
    std::vector<double> remembered;
    if (const auto* numbers = header["schedule"].as<Json::Array>())
      for (const Json& number : *numbers) remembered.push_back(number.number(std::numeric_limits<double>::infinity()));
    parts.schedule.load_state(remembered);
    const Dim classes = state.confusion.classes();
    const StateDict counted = part_of(file.tensors, "confusion");
    check(counted.size() == 1 && counted[0].second.shape() == Shape{classes, classes},
          "the confusion matrix is not of ", classes, " classes");
    std::ranges::copy(counted[0].second.data<std::int64_t>(), state.confusion.counts().begin());
  } catch (const Error& error) {
    fail<FileError>(path, ": ", error.what());
  }
  if (whole("threads") == threads() && whole("isa") == static_cast<std::int64_t>(isa())) return {};
  return text("the run so far used ", whole("threads"), " threads, now it is ", threads(),
              ", or another instruction set: it goes on, but not with the bits it would have had");
}

}  // namespace fanin
