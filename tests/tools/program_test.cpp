#include <doctest/doctest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/io/npy.h"
#include "data/image.h"
#include "tests/tools/program.h"

// The other commands of the program.

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

const std::string tiny_net =
    " --model resnext --model-arg depth=11 cardinality=2 base_width=4 widen_factor=0.125 --batch-size 10";

json run_json(const Folder& folder, const std::string& arguments) {
  const Ran ran = call(folder, arguments + " --json");
  INFO(arguments);
  INFO(ran.err);
  REQUIRE(ran.code == 0);
  return json::parse(ran.out);
}

}  // namespace

TEST_CASE("help is on stdout, with examples; mistakes are on stderr, with the nearest name") {
  const Folder folder;
  const Ran overview = call(folder, "--help");
  CHECK(overview.code == 0);
  for (const char* command :
       {"train", "eval", "predict", "export", "init", "summary", "bench", "gradcheck", "data", "inspect", "doctor"}) {
    CAPTURE(command);
    CHECK(overview.out.find(command) != std::string::npos);
    const Ran help = call(folder, std::string(command) + " --help");
    CHECK(help.code == 0);
    CHECK(help.err == "");
    CHECK(help.out.find("Examples:") != std::string::npos);
  }
  CHECK(call(folder, "").code == 2);
  const Ran typo = call(folder, "trian");
  CHECK(typo.code == 2);
  CHECK(typo.err.find("'train'") != std::string::npos);
  const Ran option = call(folder, "train --epoch 3");
  CHECK(option.code == 2);
  CHECK(option.out == "");
  CHECK(option.err.find("--epochs") != std::string::npos);
  const Ran value = call(folder, "train --lr --epochs 3 --json");
  CHECK(value.code == 2);
  CHECK(json::parse(value.out)["exit_code"] == 2);
}

TEST_CASE("eval agrees with the training, and writes logits") {
  const Folder folder;
  write_cifar(folder / "cifar", 100, 30);
  REQUIRE(call(folder, "train --data cifar --recipe none --epochs 3 --val-split 0.2 --output run" + tiny_net).code ==
          0);
  const json trained = run_json(folder, "inspect run");
  const json val = run_json(folder, "eval --weights run --split val");
  CHECK(val["samples"] == 20);
  CHECK(val["top1"].get<double>() == doctest::Approx(trained["best_top1"].get<double>()));
  const json test = run_json(folder, "eval --weights run/weights/last.safetensors --logits out.npy");
  CHECK(test["samples"] == 30);
  CHECK(test["split"] == "test");
  CHECK(test["top5"].get<double>() >= test["top1"].get<double>());
  CHECK(test["confusion"].size() == 10);
  const fanin::Tensor logits = fanin::load_npy(folder / "out.npy");
  CHECK(logits.shape() == fanin::Shape{30, 10});
  // the same network whatever the batch size
  const json again = run_json(folder, "eval --weights run/weights/last.safetensors --batch-size 7");
  CHECK(again["loss"].get<double>() == doctest::Approx(test["loss"].get<double>()).epsilon(1e-5));
  CHECK(call(folder, "eval --weights missing.safetensors").code == 3);
  REQUIRE(call(folder, "init --model lenet --output fresh.safetensors").code == 0);
  const Ran nameless = call(folder, "eval --weights fresh.safetensors");
  CHECK(nameless.code == 2);
  CHECK(nameless.err.find("--data") != std::string::npos);
  CHECK(call(folder, "eval --weights run --model lenet").code == 3);
}

TEST_CASE("eval and predict in f32 fold batch norm, and take weights that export has folded") {
  const Folder folder;
  write_cifar(folder / "cifar", 100, 30);
  REQUIRE(call(folder, "train --data cifar --recipe none --epochs 2 --output run" + tiny_net).code == 0);
  const auto logits_of = [&](const std::string& options) {
    run_json(folder, "eval --split test --logits out.npy " + options);
    return fanin::load_npy(folder / "out.npy").values();
  };
  const std::vector<double> whole = logits_of("--weights run --precision f64");  // not folded
  const json written = run_json(folder, "export --weights run --fold-bn --output folded.safetensors");
  CHECK(written["tensors"] == 2 * (1 + 3 * 3 + 3 + 1));
  const auto farthest = [&](const std::vector<double>& logits) {
    double worst = 0;
    for (std::size_t i = 0; i < whole.size(); ++i) worst = std::max(worst, std::abs(logits[i] - whole[i]));
    return worst;
  };
  CHECK(farthest(logits_of("--weights run")) < 1e-4);
  CHECK(farthest(logits_of("--weights folded.safetensors --data cifar")) < 1e-4);
  CHECK(farthest(logits_of("--weights folded.safetensors --precision bf16")) < 0.5);
  fanin::write_png(folder / "one.png", fanin::Image(3, 50, 40, 90));
  std::vector<double> probabilities;
  for (const std::string weights : {"run", "folded.safetensors", "run --precision f64", "run --precision bf16"})
    probabilities.push_back(
        run_json(folder, "predict one.png --weights " + weights)["predictions"][0]["probability"].get<double>());
  for (const double p : probabilities) CHECK(p == doctest::Approx(probabilities[2]).epsilon(0.1));
  CHECK(probabilities[0] == doctest::Approx(probabilities[2]).epsilon(1e-4));
  CHECK(probabilities[1] == doctest::Approx(probabilities[2]).epsilon(1e-4));
}

TEST_CASE("folded weights are refused where they cannot be used, and export without --fold-bn says what it does") {
  const Folder folder;
  write_cifar(folder / "cifar", 20);
  REQUIRE(call(folder, "train --data cifar --recipe none --max-steps 1 --output run" + tiny_net).code == 0);
  REQUIRE(call(folder, "export --weights run --fold-bn --output folded.safetensors").code == 0);
  const Ran plain = call(folder, "export --weights run --output other.safetensors");
  CHECK(plain.code == 2);
  CHECK(plain.err.find("--fold-bn") != std::string::npos);
  CHECK_FALSE(fs::exists(folder / "other.safetensors"));
  for (const std::string use : {"eval --precision f64 --split train --weights folded.safetensors",
                                "export --fold-bn --output again.safetensors --weights folded.safetensors",
                                "train --data cifar --output b --initial-weights folded.safetensors"}) {
    CAPTURE(use);
    const Ran refused = call(folder, use);
    CHECK(refused.code == 3);
    CHECK(refused.err.find("folded into these weights") != std::string::npos);
  }
}

TEST_CASE("predict names the class of image files") {
  const Folder folder;
  write_cifar(folder / "cifar", 100);
  REQUIRE(call(folder, "train --data cifar --recipe none --epochs 2 --output run" + tiny_net).code == 0);
  fanin::write_png(folder / "one.png", fanin::Image(3, 50, 40, 90));
  const json found = run_json(folder, "predict --weights run --model resnext --model-arg depth=11 one.png --top 3");
  REQUIRE(found["predictions"].size() == 1);
  CHECK(found["predictions"][0]["top"].size() == 3);
  CHECK(found["predictions"][0]["probability"].get<double>() > 0);
  const Ran missing = call(folder, "predict --weights run nothing.png");
  CHECK(missing.code == 3);
  CHECK(missing.err.find("nothing.png") != std::string::npos);
  const Ran some = call(folder, "predict --weights run nothing.png one.png");  // one that fails does not stop the rest
  CHECK(some.code == 3);
  CHECK(some.out.find("one.png") != std::string::npos);
}

TEST_CASE("init writes weights that train takes, and refuses those of another model") {
  const Folder folder;
  write_cifar(folder / "cifar", 20);
  const std::string model = " --model resnext --model-arg depth=11 cardinality=2 base_width=4 widen_factor=0.125";
  const json report = run_json(folder, "init --explain --seed 5 --output w.safetensors" + model);
  CHECK(report["parameters"].size() > 10);
  const std::string train = "train --data cifar --recipe none --max-steps 1 --lr 0 --batch-size 10 --seed 5";
  REQUIRE(call(folder, train + " --initial-weights w.safetensors --output a" + model).code == 0);
  REQUIRE(call(folder, train + " --output b" + model).code == 0);
  const json a = run_json(folder, "inspect a/weights/last.safetensors");
  const json b = run_json(folder, "inspect b/weights/last.safetensors");
  CHECK(a["tensors"] == b["tensors"]);
  const Ran other = call(folder, train + " --initial-weights w.safetensors --model resnet18 --output c");
  CHECK(other.code == 3);
  CHECK(other.err.find("w.safetensors") != std::string::npos);
  CHECK(!fs::exists(folder / "c"));
}

TEST_CASE("init looks at data where a scheme needs it, and says so where there is none") {
  const Folder folder;
  write_cifar(folder / "cifar", 20);
  const std::string model = " --model plain --model-arg depth=4 width=8 norm=none --init lsuv";
  const Ran without = call(folder, "init --explain" + model);
  CHECK(without.code != 0);
  CHECK(without.err.find("--data") != std::string::npos);
  const json report = run_json(folder, "init --explain --data cifar" + model);
  REQUIRE(report["rescaled"].size() == 4);
  for (const json& step : report["rescaled"]) CHECK(step["after"].get<double>() == doctest::Approx(1).epsilon(0.06));
  const Ran trained =
      call(folder, "train --data cifar --recipe none --max-steps 1 --batch-size 10 --output run" + model);
  CHECK(trained.code == 0);
}

TEST_CASE("a model for clips: summary and bench show it some, init writes it, train says that it reads images") {
  const Folder folder;
  const std::string narrow = " --model c3d --model-arg width=1 image_size=16";
  const json summary = run_json(folder, "summary" + narrow);
  CHECK(summary["layers"][0]["op"] == "conv3d");
  CHECK(summary["layers"][0]["shape"] == json({1, 1, 16, 16, 16}));
  CHECK(run_json(folder, "init --output c3d.safetensors" + narrow)["model"] == "c3d");
  CHECK(run_json(folder, "summary --weights c3d.safetensors")["parameters"] == summary["parameters"]);
  CHECK(run_json(folder, "bench --mode forward --batch-size 2 --steps 1 --warmup 1" + narrow)["model"] == "c3d");
  const Ran refused = call(folder, "train" + narrow);
  CHECK(refused.code == 2);
  CHECK(refused.err.find("takes clips of 16 frames") != std::string::npos);
}

TEST_CASE("summary --fans counts a group's outputs where PyTorch counts all") {
  const Folder folder;
  const json summary = run_json(folder, "summary --fans --model resnext50-32x4d");
  REQUIRE(summary["fans"].size() == 54);
  CHECK(summary["fans"][2]["fan_out"] == 1152);
  CHECK(summary["fans"][2]["aware_fan_out"] == 36);
}

TEST_CASE("summary counts the published network's parameters") {
  const Folder folder;
  const json summary = run_json(folder, "summary --model resnext29-8x64d");
  CHECK(summary["parameters"] == 34426698);
  CHECK(summary["flops"].get<double>() > 5e9);
  CHECK(call(folder, "summary").code == 2);
}

TEST_CASE("gradcheck, data, inspect and doctor say what they find") {
  const Folder folder;
  write_cifar(folder / "cifar", 30, 10);
  CHECK(run_json(folder, "gradcheck relu add")["ok"] == true);
  CHECK(call(folder, "gradcheck conv2").code == 2);
  const json list = run_json(folder, "data list --data cifar");
  CHECK(list["splits"]["train"] == 30);
  CHECK(list["splits"]["test"] == 10);
  CHECK(run_json(folder, "data check --data cifar")["per_class"].size() == 10);
  run_json(folder, "data preview --data shapes --output sheet.png");
  CHECK(fs::file_size(folder / "sheet.png") > 1000);
  CHECK(run_json(folder, "doctor")["cores"].get<int>() >= 1);
  CHECK(call(folder, "inspect cifar/data_batch_1.bin").code == 3);
}
