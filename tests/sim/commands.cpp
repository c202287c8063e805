#include "sim/commands.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <optional>
#include <string_view>
#include <type_traits>

namespace taskmesh::sim {

namespace {

constexpr std::array<std::string_view, 12> all_faults{"none",    "loss",      "crash",       "pause",
                                                      "cut",     "all",       "two_crashes", "leave",
                                                      "restart", "partition", "one_way",     "island"};

template <class Number>
bool read_number(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string text_of(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

/// Calls `look(name, member)` for each member that can be named.
template <class Look>
void each_name(KeeperPlan& plan, const Look& look) {
  look("workers", plan.workers);
  look("tasks", plan.tasks);
  look("callback", plan.callback);
  look("both", plan.both);
  look("steals", plan.steals);
  look("webhooks", plan.webhooks);
  look("unheard", plan.unheard);
  look("long_tasks", plan.long_tasks);
  look("once", plan.once);
  look("cancels", plan.cancels);
  look("poison", plan.poison);
  look("delayed", plan.delayed);
  look("watched", plan.watched);
  look("deadlines", plan.deadlines);
  look("fails", plan.fails);
}

template <class Look>
void each_name(JoinPlan& plan, const Look& look) {
  look("workers", plan.workers);
  look("joins", plan.joins);
  look("leaves", plan.leaves);
  look("crashes", plan.crashes);
  look("pauses", plan.pauses);
  look("tasks", plan.tasks);
  look("keyed", plan.keyed);
  look("once", plan.once);
  look("cancels", plan.cancels);
  look("lossy", plan.lossy);
  look("at_once", plan.at_once);
  look("scattered", plan.scattered);
  look("seed_only", plan.seed_only);
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(plan.remembers).count();
  look("remembers", seconds);
  plan.remembers = std::chrono::seconds(seconds);
}

/// False: there is no such name, or its value is none.
template <class Plan>
bool set(Plan& plan, std::string_view word) {
  const std::size_t equals = word.find('=');
  const std::string_view value = equals == word.npos ? "1" : word.substr(equals + 1);
  bool known = false;
  each_name(plan, [&](std::string_view name, auto& member) {
    if (name != word.substr(0, equals)) return;
    if constexpr (std::is_same_v<decltype(member), bool&>) {
      known = value == "0" || value == "1";
      member = value == "1";
    } else {
      known = read_number(value, member);
    }
  });
  return known;
}

template <class Plan>
std::string text_of(const std::string& how, Plan usual, Plan plan, std::uint64_t seed) {
  const int rule = plan.rules.broken == 0 ? 0 : std::countr_zero(plan.rules.broken);
  std::string text =
      how + " 1 " + std::to_string(plan.replicas) + " " + std::to_string(rule) + " " + std::to_string(seed);
  std::vector<double> values;
  each_name(usual, [&](std::string_view, auto& member) { values.push_back(static_cast<double>(member)); });
  std::size_t at = 0;
  each_name(plan, [&](std::string_view name, auto& member) {
    const auto value = static_cast<double>(member);
    if (value != values[at++]) text += " " + std::string(name) + "=" + text_of(value);
  });
  return text;
}

template <class Plan>
Command<Plan> read_words(const std::vector<std::string>& words, std::string_view default_how,
                         std::optional<Plan> (*plan_of)(std::string_view how)) {
  Command<Plan> command;
  command.how = words.empty() ? default_how : words.front();
  const auto plan = plan_of(command.how);
  if (!plan) {
    command.wrong = command.how;
    return command;
  }
  command.plan = *plan;
  for (std::size_t i = 1; i < words.size() && command.wrong.empty(); ++i) {
    bool good = false;
    if (i == 1) good = read_number(words[i], command.count) && command.count > 0;
    if (i == 2)
      good = read_number(words[i], command.plan.replicas) && command.plan.replicas >= 0 &&
             command.plan.replicas <= 2;
    if (i == 3) good = read_number(words[i], command.rule) && command.rule >= 0 && command.rule < 32;
    if (i == 4) good = read_number(words[i], command.first);
    if (i > 4) good = set(command.plan, words[i]);
    if (!good) command.wrong = words[i];
  }
  command.plan.rules = core::Rules::without(command.rule);
  return command;
}

std::optional<KeeperPlan> plan_of_faults(std::string_view how) {
  const auto found = std::find(all_faults.begin(), all_faults.end(), how);
  if (found == all_faults.end()) return std::nullopt;
  return usual_plan(static_cast<Faults>(found - all_faults.begin()));
}

std::optional<JoinPlan> plan_of_how(std::string_view how) {
  constexpr std::array<std::string_view, 12> all{"calm",           "loss",  "seed",       "scattered",
                                                 "scattered_loss", "leave", "crash",      "restart",
                                                 "crashes",        "pause", "pause_loss", "pause_scattered"};
  if (std::find(all.begin(), all.end(), how) == all.end()) return std::nullopt;
  JoinPlan plan{.once = 0.05, .cancels = 0.05};
  plan.lossy = how.ends_with("loss");
  plan.scattered = how.starts_with("scattered") || how.ends_with("scattered");
  plan.leaves = how == "leave" ? 2 : 0;
  plan.crashes = how == "crashes" ? 4 : how == "crash" || how == "restart" ? 1 : 0;
  plan.at_once = how == "restart";
  plan.pauses = how.starts_with("pause") ? 4 : 0;
  plan.seed_only = how == "seed";
  return plan;
}

}  // namespace

KeeperPlan usual_plan(Faults faults) {
  KeeperPlan plan{
      .faults = faults, .once = 0.1, .cancels = 0.1, .watched = 0.5, .deadlines = 0.1, .fails = 0.1};
  // So that each receipt names all of its holders.
  if (faults == Faults::none) plan.once = plan.cancels = 0;
  return plan;
}

std::string command_of(const KeeperPlan& plan, std::uint64_t seed) {
  const std::string how(all_faults.at(static_cast<std::size_t>(plan.faults)));
  return "taskmesh_keepers " + text_of(how, usual_plan(plan.faults), plan, seed);
}

std::string command_of(const JoinPlan& plan, std::uint64_t seed) {
  return "taskmesh_joiners " + text_of("calm", *plan_of_how("calm"), plan, seed);
}

Command<KeeperPlan> read_keepers(const std::vector<std::string>& words) {
  return read_words<KeeperPlan>(words, "none", plan_of_faults);
}

Command<JoinPlan> read_joiners(const std::vector<std::string>& words) {
  return read_words<JoinPlan>(words, "calm", plan_of_how);
}

}  // namespace taskmesh::sim
