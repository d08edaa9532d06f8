#include <doctest/doctest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/io/json.h"
#include "core/ops/cross_entropy.h"
#include "models/models.h"
#include "tests/tools/program.h"
#include "tools/estimate.h"
#include "tools/evaluate.h"
#include "tools/metrics.h"
#include "tools/options.h"
#include "tools/progress.h"
#include "tools/recipe.h"
#include "tools/signals.h"
#include "tools/train_arguments.h"

using namespace fanin;

TEST_CASE("what was typed counts more than a configuration, that more than a recipe") {
  double lr = 1;
  std::int64_t epochs = 2, steps = 3;
  bool nesterov = false;
  std::vector<std::string> words;
  Options options;
  options.add("lr", &lr, "");
  options.add("epochs", &epochs, "");
  options.add("steps", &steps, "");
  options.add("nesterov", &nesterov, "");
  options.add("words", &words, "");
  CHECK(options.parse({"--lr=0.5", "--words", "a", "b", "--nesterov", "--lr", "0.25"}));
  options.feed(Json::parse(R"({"lr": 9, "epochs": 7})", "test"), "test");
  options.suggest("lr", "8");
  options.suggest("epochs", "8");
  options.suggest("steps", "8");
  CHECK(lr == 0.25);
  CHECK(epochs == 7);
  CHECK(steps == 8);
  CHECK(nesterov);
  CHECK(words == std::vector<std::string>{"a", "b"});
  CHECK(options.typed("lr"));
  CHECK(!options.typed("epochs"));
  CHECK(options.resolved().text() == R"({"lr":0.25,"epochs":7,"steps":8,"nesterov":true,"words":["a","b"]})");
}

TEST_CASE("options refuse what they cannot read") {
  double number = 0;
  std::uint64_t seed = 0;
  bool flag = true;
  Options options;
  options.add("number", &number, "");
  options.add("seed", &seed, "");
  options.add("flag", &flag, "");
  CHECK_THROWS_AS(options.parse({"--numbr", "1"}), UsageError);
  CHECK_THROWS_AS(options.parse({"--number", "1x"}), UsageError);
  CHECK_THROWS_AS(options.parse({"--number", "inf"}), UsageError);
  CHECK_THROWS_AS(options.parse({"--number"}), UsageError);
  CHECK_THROWS_AS(options.parse({"--seed", "-1"}), UsageError);
  CHECK_THROWS_AS(options.parse({"--flag=1"}), UsageError);
  CHECK_THROWS_AS(options.parse({"word"}), UsageError);
  CHECK(options.parse({"--number", "-1.5", "--seed", "18446744073709551615", "--no-flag"}));
  CHECK(number == -1.5);
  CHECK(seed == UINT64_MAX);
  CHECK(!flag);
  CHECK(!options.parse({"--help"}));
}

TEST_CASE("JSON keeps numbers exact, order as filled, and bad bytes harmless") {
  Json object = Json::object();
  object.set("b", 0.1).set("a", std::uint64_t{18446744073709551615U}).set("c", NAN).set("d", "\xff");
  const std::string text = object.text();
  CHECK(text.starts_with(R"({"b":0.1,"a":18446744073709551615,"c":null,"d":)"));
  CHECK(Json::parse(text, "test")["b"].number() == 0.1);
  CHECK(Json::parse(text, "test")["missing"].is_null());
  CHECK_THROWS_AS(Json::parse("{", "test"), FileError);
}

TEST_CASE("top-1, top-5, loss and confusion of known logits") {
  Evaluation sums{.confusion = Confusion(6)};
  const std::vector<double> logits{3,   1,   0,   0,   0,   0,  // label 0: right
                                   1,   2,   3,   4,   5,   0,  // label 0: fifth
                                   5,   4,   3,   2,   1,   0,  // label 5: last
                                   NAN, NAN, NAN, NAN, NAN, NAN};
  const std::vector<std::int64_t> labels{0, 0, 5, 0};
  count_batch(Tensor::from(logits, {4, 6}), Tensor::from(labels, {4}), sums);
  CHECK(sums.samples == 4);
  CHECK(sums.top1 == 1);
  CHECK(sums.top5 == 2);
  CHECK(sums.confusion(0, 0) >= 1);
  CHECK(sums.confusion(0, 4) == 1);
  CHECK(sums.confusion(5, 0) == 1);
  CHECK(confusion_csv(Confusion(1), {"a \"b\", c"}) == "label,\"a \"\"b\"\", c\"\n\"a \"\"b\"\", c\",0\n");
}

TEST_CASE("metrics go on after the row a checkpoint knows") {
  const Folder folder;
  {
    MetricsFiles files(folder / "m.csv", folder / "m.jsonl", 0);
    for (std::int64_t step = 1; step <= 4; ++step) CHECK(files.add({.step = step, .epoch = 1, .loss = 0.5}) == "");
    files.finish();
  }
  std::filesystem::resize_file(folder / "m.csv", std::filesystem::file_size(folder / "m.csv") - 3);
  MetricsFiles files(folder / "m.csv", folder / "m.jsonl", 2);
  CHECK(files.add({.step = 3, .epoch = 2, .loss = 0.25, .lr = 0.1}) == "");
  CHECK(count_lines(content(folder / "m.csv")) == 4);
  const auto rows = read_metrics(folder / "m.jsonl");
  REQUIRE(rows.size() == 3);
  CHECK(rows[2].epoch == 2);
  CHECK(rows[2].loss == 0.25);
  CHECK(std::isnan(rows[2].val_loss));
}

TEST_CASE("every recipe names options that exist and values they take") {
  for (const Recipe& recipe : recipes()) {
    CAPTURE(recipe.name);
    TrainArguments arguments;
    Options options;
    arguments.declare(options);
    CHECK_NOTHROW(apply(recipe, options));
    CHECK_NOTHROW(arguments.complete(options, 10'000, true));
  }
  CHECK(find_recipe("auto", "cifar100").name == "cifar");
  CHECK_THROWS_AS(find_recipe("shape", "shapes"), UsageError);
}

TEST_CASE("a recipe's learning rate is not for another optimiser") {
  TrainArguments arguments;
  Options options;
  arguments.declare(options);
  CHECK(options.parse({"--opt", "adam"}));
  apply(find_recipe("shapes", ""), options);
  arguments.complete(options, 1000, false);
  CHECK(arguments.lr == 1e-3);
  CHECK(arguments.sched == "onecycle");
}

TEST_CASE("seeds, durations and sizes read as people write them") {
  CHECK(parse_seeds("0..2") == std::vector<std::uint64_t>{0, 1, 2});
  CHECK(parse_seeds("5,1") == std::vector<std::uint64_t>{5, 1});
  CHECK(duration_text(200) == "3 min 20 s");
  CHECK(duration_text(7500) == "2 h 05 min");
  CHECK(bytes_text(1.44e9) == "1.4 GB");
  CHECK(count_text(1234567) == "1,234,567");
  CHECK(count_text(-1000) == "-1,000");
  CHECK(count_text(-100) == "-100");
}

TEST_CASE("the first signal is noted, the second ends the program at once") {
  const pid_t child = fork();
  if (child == 0) {
    const SignalScope scope;
    if (SignalScope::interrupted()) _exit(1);
    raise(SIGTERM);
    if (!SignalScope::interrupted()) _exit(2);
    raise(SIGINT);
    _exit(3);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
}

TEST_CASE("two small steps predict the memory of a large one") {
  for (const char* name : {"resnext29-8x64d", "lenet"})
    for (const bool bf16 : {false, multiplies_bf16()}) {
      CAPTURE(name);
      const bool narrow = std::string_view(name) != "lenet";
      const ModelArguments arguments =
          narrow ? ModelArguments{{"base_width", "4"}, {"widen_factor", "0.5"}} : ModelArguments{};
      const auto net = choose_model(name, arguments).build();
      for (const NamedParameter& parameter : named_parameters(*net)) parameter.tensor->fill_(0.01);
      const Dim channels = named_parameters(*net).front().tensor->dim(1);
      const Dim side = narrow ? 32 : 28;
      const Shape images{32, channels, side, side};
      const Autocast autocast(bf16);
      const double predicted = predict_memory(*net, images, 10, DType::f32).tensors;
      const Tensor x = Tensor::zeros(images);
      const Tensor labels = Tensor::zeros({images[0]}, DType::i64);
      reset_peak_memory();
      backward(cross_entropy((*net)(x), labels));
      zero_grad(*net);
      const auto measured = static_cast<double>(memory_use().peak);
      CHECK(predicted > 0.9 * measured);
      CHECK(predicted < 1.1 * measured);
      // In the steady state, and with batches of any size up to that one, the system is asked for nothing.
      const MemoryUse before = memory_use();
      for (const Dim batch : {32, 17, 24, 3, 31, 32}) {
        const Tensor some = Tensor::zeros({batch, channels, side, side});
        backward(cross_entropy((*net)(some), Tensor::zeros({batch}, DType::i64)));
        zero_grad(*net);
      }
      CHECK(memory_use().reserved <= before.reserved + before.reserved / 20);
      const std::size_t asked = memory_use().allocations;
      for (int step = 0; step < 2; ++step) {
        backward(cross_entropy((*net)(x), labels));
        zero_grad(*net);
      }
      CHECK(memory_use().allocations == asked);
    }
}
