#include <memory>

#include "data/inspect.h"
#include "tools/command.h"
#include "tools/flags.h"
#include "tools/progress.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin data list --data ~/cifar-10-batches-bin --val-split 0.1
  fanin data check --data photos               decodes every image once
  fanin data preview --data photos --augment resized-crop,flip --output sheet.png
)";

struct Arguments {
  std::vector<std::string> words;
  std::string split = "train";
  std::string output;
  std::string augment = "none";
  DataFlags data;
};

Outcome list(const Arguments& a, Console& console) {
  Outcome outcome;
  Json splits = Json::object();
  for (const Split split : available_splits(a.data.data, a.data.options())) {
    const auto data = open_dataset(a.data.data, split, a.data.options());
    const DatasetInfo& info = data->info();
    if (outcome.json["kind"].is_null()) {
      std::string names;
      for (std::size_t c = 0; c < info.classes.size() && c < 20; ++c) names += (c > 0 ? ", " : "") + info.classes[c];
      console.result(a.data.data, info.kind == a.data.data ? "" : " (" + info.kind + ")", ": ", info.classes.size(),
                     " classes (", names, info.classes.size() > 20 ? ", …" : "", "), ", info.channels, " channels, ",
                     info.height, "x", info.width, " pixels");
      outcome.json.set("kind", info.kind).set("classes", Json::list(info.classes)).set("channels", info.channels);
      outcome.json.set("height", info.height).set("width", info.width);
      outcome.json.set("mean", Json::list(info.normalisation.mean)).set("std", Json::list(info.normalisation.std));
    }
    console.result("  ", name_of(split), ": ", count_text(data->size()), " images");
    splits.set(name_of(split), data->size());
  }
  outcome.json.set("splits", splits);
  return outcome;
}

Outcome inspect_images(const Arguments& a, Console& console) {
  const auto data = open_dataset(a.data.data, parse_split(a.split), a.data.options());
  const Census found = census(*data);
  const DatasetInfo& info = data->info();
  console.result(a.data.data, " (", a.split, "): ", count_text(data->size()), " images from ", found.smallest, " to ",
                 found.largest);
  Json classes = Json::object();
  for (std::size_t c = 0; c < info.classes.size(); ++c) {
    console.result("  ", info.classes[c], ": ", count_text(found.per_class[c]));
    classes.set(info.classes[c], found.per_class[c]);
  }
  std::string mean, std;
  for (std::size_t c = 0; c < found.pixels.mean.size(); ++c) {
    mean += (c > 0 ? "," : "") + fixed(found.pixels.mean[c], 4);
    std += (c > 0 ? "," : "") + fixed(found.pixels.std[c], 4);
  }
  console.result("  pixels: --mean ", mean, " --std ", std);
  for (const std::string& problem : found.problems) console.warn(problem);
  Outcome outcome{.code = found.problems.empty() ? Exit::done : Exit::file};
  outcome.json.set("samples", data->size()).set("per_class", classes);
  outcome.json.set("mean", Json::list(found.pixels.mean)).set("std", Json::list(found.pixels.std));
  outcome.json.set("smallest", Json::list(std::vector<Dim>{found.smallest.h, found.smallest.w}));
  outcome.json.set("largest", Json::list(std::vector<Dim>{found.largest.h, found.largest.w}));
  outcome.json.set("problems", Json::list(found.problems));
  return outcome;
}

Outcome preview(const Arguments& a, const Common& common, Console& console) {
  check<UsageError>(!a.output.empty(), "preview needs --output FILE.png");
  const auto data = open_dataset(a.data.data, parse_split(a.split), a.data.options());
  write_png(a.output, contact_sheet(*data, {.augment = Augment::parse(a.augment), .seed = common.seed}));
  console.result("wrote ", a.output, ": the first images of each class, as the network sees them");
  Outcome outcome;
  outcome.json.set("output", a.output);
  return outcome;
}

Outcome run(const Arguments& a, const Common& common, Console& console) {
  check<UsageError>(a.words.size() == 1, "say what to do: fanin data list, check or preview");
  if (a.words[0] == "list") return list(a, console);
  if (a.words[0] == "check") return inspect_images(a, console);
  if (a.words[0] == "preview") return preview(a, common, console);
  fail<UsageError>("expected list, check or preview, got '", a.words[0], "'");
}

}  // namespace

Command data_command() {
  return {"data", "lists, checks and previews a data set", examples, [](Options& options) {
            auto a = std::make_shared<Arguments>();
            options.positional("list|check|preview", a->words,
                               "classes and sizes; every image decoded once; a picture of the first images");
            a->data.declare(options);
            options.add("split", &a->split, "check and preview: train, val or test", "NAME");
            options.add("augment", &a->augment, "preview: as fanin train has it", "LIST");
            options.add("output", &a->output, "preview: the PNG to write", "FILE");
            return Command::Body([a](const Common& common, Console& console) { return run(*a, common, console); });
          }};
}

}  // namespace fanin
