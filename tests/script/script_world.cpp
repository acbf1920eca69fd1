#include "tests/script/script_world.hpp"

#include <algorithm>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "common/base/duration.hpp"

namespace tandem::script {

namespace {

bool is_steady(const core::Message& message) {
  if (const auto* append = std::get_if<core::Append>(&message.body)) return append->entries.empty();
  const auto* reply = std::get_if<core::AppendReply>(&message.body);
  return reply != nullptr && reply->accepted;
}

std::string named(const core::NodeId& node) { return std::string(node.name()); }

void apply(core::Stored& stored, core::Write write) {
  if (write.hard_state) stored.hard_state = *write.hard_state;
  auto& entries = stored.entries;
  if (write.snapshot != nullptr) {
    stored.snapshot = write.snapshot;
    const auto covered = [&](const core::Entry& entry) {
      return write.discard_log || entry.index <= write.snapshot->index;
    };
    entries.erase(entries.begin(), std::find_if_not(entries.begin(), entries.end(), covered));
  }
  while (write.truncate_from && !entries.empty() && entries.back().index >= *write.truncate_from) {
    entries.pop_back();
  }
  for (auto& entry : write.append) entries.push_back(std::move(entry));
}

}  // namespace

std::string ScriptWorld::run(const std::string& line) {
  std::istringstream text(line);
  Words words;
  for (std::string word; text >> word;) words.push_back(word);
  if (words.empty()) throw std::runtime_error("a verb is missing");
  const std::string verb = words.front();
  words.erase(words.begin());
  const auto word = [&](std::size_t i) {
    if (i >= words.size()) throw std::runtime_error(verb + " needs another word");
    return words[i];
  };
  const auto duration = [&](std::size_t i) { return *parse_duration(word(i), verb); };
  const auto node = [&](std::size_t i) { return core::NodeId(word(i)); };
  seen_.clear();
  if (verb == "quietly") {  // what leads up to the matter at hand
    run(line.substr(line.find(word(0))));
    return {};
  }
  if (verb == "cluster")
    cluster(words, false);
  else if (verb == "pair")
    cluster(words, true);
  else if (verb == "grants")
    cluster(words, false, true);
  else if (verb == "hold-state")
    at(word(0)).state_held = true;
  else if (verb == "release-state") {
    at(word(0)).state_held = false;
    report_state(word(0));
  } else if (verb == "deny-grants")
    at(word(0)).grants = false;
  else if (verb == "fresh")
    fresh(words);
  else if (verb == "wait")
    pass(duration(0), false);
  else if (verb == "run")
    pass(duration(0), true);
  else if (verb == "deliver")
    deliver(words);
  else if (verb == "drop")
    drop(words);
  else if (verb == "cut")
    cut(word(0), word(1));
  else if (verb == "mend")
    cuts_.clear();
  else if (verb == "propose")
    step(word(0), core::Propose{{1, ++proposals_}, "x"});
  else if (verb == "crash")
    at(word(0)).node.reset();
  else if (verb == "restart")
    boot(word(0));
  else if (verb == "wipe")
    wipe(word(0));
  else if (verb == "refused")
    step(word(0), core::ConnectionRefused{node(1), words.size() > 2 ? now_ - duration(2) : now_});
  else if (verb == "handover")
    step(word(0), core::HandOver{words.size() > 1 ? node(1) : core::NodeId{}});
  else if (verb == "hold-announcement")
    at(word(0)).announcing_held = true;
  else if (verb == "announced")
    step(word(0), core::TermAnnounced{at(word(0)).node->term()});
  else if (verb == "term-reported")
    step(word(0), core::TermReported{Term(std::stoull(word(1)))});
  else if (verb == "hold-disk")
    at(word(0)).disk_held = true;
  else if (verb == "release-disk") {
    at(word(0)).disk_held = false;
    settle_disk(word(0));
  } else if (verb == "fail-disk") {
    at(word(0)).writes.clear();
    at(word(0)).held.clear();
    step(word(0), core::DiskFailed{});
  } else if (verb == "mend-disk")
    step(word(0), core::DiskWorks{});
  else if (verb == "registered")
    registered(words, false);
  else if (verb == "registered-late")
    registered(words, true);
  else if (verb == "joins")
    joins(word(0), Words(words.begin() + 1, words.end()));
  else if (verb == "masters")
    masters(words);
  else if (verb == "snapshot")
    snapshot(word(0));
  else if (verb == "show-heartbeats")
    quiet_heartbeats_ = false;
  else if (verb == "status")
    status();
  else
    throw std::runtime_error("unknown verb " + verb);
  return seen_;
}

ScriptWorld::Computer& ScriptWorld::at(const std::string& name) {
  const auto found = computers_.find(name);
  if (found == computers_.end()) throw std::runtime_error("no node is called " + name);
  return found->second;
}

void ScriptWorld::add(const std::string& name, bool witness, const Words& masters) {
  Computer& computer = computers_[name];
  auto& options = computer.options;
  options.self = {core::NodeId(name), core::IncarnationId(++incarnations_)};
  options.kind = witness ? core::VoterKind::witness : core::VoterKind::master;
  if (witness) return;
  for (const auto& master : masters) options.masters.emplace_back(master);
}

// Masters and, with a star, witnesses that have been a cluster for long: term 1, one entry, nobody
// leads.
void ScriptWorld::cluster(const Words& words, bool pair, bool grants) {
  Words masters;
  for (const auto& word : words) {
    if (word.back() != '*') masters.push_back(word);
  }
  core::Configuration configuration;
  for (const auto& word : words) {
    const bool witness = word.back() == '*';
    const std::string name = witness ? word.substr(0, word.size() - 1) : word;
    add(name, witness, masters);
    configuration = configuration.with({at(name).options.self, at(name).options.kind, LogIndex(1)});
  }
  configuration.pair = pair;
  configuration.grants = grants;
  for (auto& [name, computer] : computers_) {
    computer.stored.hard_state = {core::ClusterId(7), Term(1), {}};
    computer.stored.entries = {{LogIndex(1), Term(1), configuration}};
    computer.grants = grants;
    boot(name);
  }
}

void ScriptWorld::fresh(const Words& words) {
  Words masters;
  for (const auto& word : words) {
    if (word.back() != '*') masters.push_back(word);
  }
  for (const auto& word : words) {
    const bool witness = word.back() == '*';
    const std::string name = witness ? word.substr(0, word.size() - 1) : word;
    add(name, witness, masters);
    boot(name);
  }
}

// A new master that was told who the masters are.
void ScriptWorld::joins(const std::string& name, Words others) {
  others.push_back(name);
  add(name, false, others);
  at(name).options.joins = core::ClusterId(7);  // as cluster() and pair() are called
  boot(name);
}

void ScriptWorld::boot(const std::string& name) {
  Computer& computer = at(name);
  computer.writes.clear();
  computer.held.clear();
  computer.durable = core::WriteNumber(0);
  computer.grants_reported_in.reset();
  const std::uint64_t seed = 100 * ++computer.lives + static_cast<unsigned char>(name.front());
  computer.node = std::make_unique<core::Node>(computer.options, computer.stored, seed, now_);
}

void ScriptWorld::wipe(const std::string& name) {
  Computer& computer = at(name);
  computer.node.reset();
  computer.stored = core::Stored{};
  computer.options.self.incarnation = core::IncarnationId(++incarnations_);
  boot(name);
}

// Lets time go by; each node's tick comes when it is due. With `delivering`, messages arrive at
// once.
void ScriptWorld::pass(Duration time, bool delivering) {
  const Instant end = now_ + time;
  if (delivering) deliver_all();
  while (true) {
    std::string first;
    Instant due = Instant::forever();
    for (auto& [name, computer] : computers_) {
      if (computer.node == nullptr || computer.node->deadline() >= due) continue;
      due = computer.node->deadline();
      first = name;
    }
    if (first.empty() || due > end) break;
    now_ = std::max(now_, due);
    step(first, core::Tick{});
    if (delivering) deliver_all();
  }
  now_ = end;
}

void ScriptWorld::deliver_all() {
  for (int round = 0; !messages_.empty() && round < 10'000; ++round) {
    core::Message message = std::move(messages_.front());
    messages_.pop_front();
    const auto to = named(message.to.node);
    if (at(to).node == nullptr) continue;
    if (!quiet_heartbeats_ || !is_steady(message)) {
      say(fmt::format("{} -> {} {}", message.from.node, to, core::describe(message)));
    }
    step(to, std::move(message));
  }
}

// All messages and what they lead to; or, with two names, only what is on its way between them.
void ScriptWorld::deliver(const Words& words) {
  if (words.empty()) return deliver_all();
  std::deque<core::Message> others;
  std::deque<core::Message> chosen;
  for (auto& message : messages_) {
    const bool match =
        named(message.from.node) == words.at(0) && named(message.to.node) == words.at(1);
    (match ? chosen : others).push_back(std::move(message));
  }
  messages_ = std::move(others);
  for (auto& message : chosen) {
    say(fmt::format("{} -> {} {}", message.from.node, message.to.node, core::describe(message)));
    if (at(words[1]).node != nullptr) step(words[1], std::move(message));
  }
}

void ScriptWorld::drop(const Words& words) {
  std::erase_if(messages_, [&](const core::Message& message) {
    return words.empty() ||
           (named(message.from.node) == words.at(0) && named(message.to.node) == words.at(1));
  });
}

void ScriptWorld::cut(const std::string& a, const std::string& b) {
  cuts_.insert({a, b});
  cuts_.insert({b, a});
}

// Late: by a state machine that has applied only what was committed before the last election.
void ScriptWorld::registered(const Words& words, bool late) {
  const auto& node = *at(words.front()).node;
  core::Registered registered;
  registered.applied = node.commit_index();
  while (late && node.log().term_at(registered.applied) == node.term()) {
    registered.applied = LogIndex(registered.applied.value() - 1);
  }
  for (const auto& name : Words(words.begin() + 1, words.end())) {
    registered.candidates.push_back(
        {at(name).options.self, "host-of-" + name, at(name).node != nullptr});
  }
  step(words.front(), std::move(registered));
}

// As the state says: "c:b" is c, which replaces b.
void ScriptWorld::masters(const Words& words) {
  core::Registered registered;
  registered.applied = at(words.front()).node->commit_index();
  registered.grants = at(words.front()).grants;
  for (const auto& word : Words(words.begin() + 1, words.end())) {
    const auto colon = word.find(':');
    registered.masters.push_back(
        {core::NodeId(word.substr(0, colon)),
         colon == word.npos ? core::NodeId{} : core::NodeId(word.substr(colon + 1))});
  }
  step(words.front(), std::move(registered));
}

void ScriptWorld::snapshot(const std::string& name) {
  step(name, core::SnapshotTaken{at(name).node->commit_index(), "state"});
}

// What its state machine would report, while the cluster uses grants.
void ScriptWorld::report_state(const std::string& name) {
  Computer& computer = at(name);
  if (!computer.node->uses_grants() || computer.state_held) return;
  const auto& node = *computer.node;
  computer.node->step(now_, core::Applied{node.commit_index()}, outputs_);
  carry_out(name);
  const bool leads = node.role() == core::Role::primary;
  const bool has_own = leads && node.log().term_at(node.commit_index()) == node.term();
  const Term reported_in = has_own ? node.term() : Term(0);
  if (computer.grants_reported_in == reported_in) return;
  computer.grants_reported_in = reported_in;
  core::Registered registered;
  registered.applied = node.commit_index();
  registered.grants = computer.grants;
  computer.node->step(now_, std::move(registered), outputs_);
  carry_out(name);
}

std::string ScriptWorld::granted(const core::Node& node) const {
  if (!node.uses_grants()) return {};
  const Instant until = node.granted_until();
  std::string text = until == Instant::never() ? " no grant"
                     : until <= now_           ? " grant lapsed"
                                               : fmt::format(" grant {}ms", to_ms(until - now_));
  if (node.role() == core::Role::primary) text += fmt::format(" in force {}", node.in_force());
  return text;
}

void ScriptWorld::status() {
  for (auto& [name, computer] : computers_) {
    if (computer.node == nullptr) {
      say(name + " down");
      continue;
    }
    const auto& node = *computer.node;
    const Instant until = node.serve_until();
    const auto serving = until == Instant::never() ? std::string("no")
                         : until <= now_           ? "lapsed"
                                                   : fmt::format("{}ms", to_ms(until - now_));
    say(fmt::format("{} {} term {} commit {} last {}/{} serves {} voters [{}]{}{}", name,
                    to_string(node.role()), node.term(), node.commit_index(),
                    node.log().last_index(), node.log().last_term(), serving,
                    to_string(node.configuration()), node.is_alone() ? " alone" : "",
                    granted(node)));
  }
}

void ScriptWorld::step(const std::string& name, core::Input input) {
  Computer& computer = at(name);
  if (computer.node == nullptr) throw std::runtime_error(name + " is down");
  computer.node->step(now_, std::move(input), outputs_);
  carry_out(name);
  settle_disk(name);
  report_state(name);
}

void ScriptWorld::settle_disk(const std::string& name) {
  Computer& computer = at(name);
  while (!computer.disk_held && !computer.writes.empty()) {
    computer.durable = computer.writes.front().number;
    apply(computer.stored, std::move(computer.writes.front()));
    computer.writes.pop_front();
    computer.node->step(now_, core::Durable{computer.durable}, outputs_);
    carry_out(name);
  }
}

void ScriptWorld::carry_out(const std::string& name) {
  Computer& computer = at(name);
  if (outputs_.write) computer.writes.push_back(std::move(*outputs_.write));
  for (auto& outbound : outputs_.messages) computer.held.push_back(std::move(outbound));
  std::vector<core::Outbound> waiting;
  for (auto& outbound : std::exchange(computer.held, {})) {
    if (outbound.after > computer.durable) {
      waiting.push_back(std::move(outbound));
    } else {
      send(std::move(outbound.message));
    }
  }
  computer.held = std::move(waiting);
  if (outputs_.role) {
    say(fmt::format(
        "{} is {} in term {}{}", name, to_string(outputs_.role->role), outputs_.role->term,
        outputs_.role->primary.empty() ? ""
                                       : fmt::format(", primary {}", outputs_.role->primary.node)));
  }
  if (outputs_.serve_until == Instant::never()) say(name + " stops serving");
  if (outputs_.in_force && computer.node->uses_grants() && outputs_.in_force->value() > 0)
    say(fmt::format("{} has {} in force everywhere", name, *outputs_.in_force));
  if (outputs_.restore != nullptr)
    say(fmt::format("{} restores the state after {}", name, outputs_.restore->index));
  for (const auto& entry : outputs_.apply)
    say(fmt::format("{} commits {}", name, core::describe(entry)));
  for (const auto& refusal : outputs_.refused)
    say(fmt::format("{} refuses: {}", name, refusal.error.message));
  if (!outputs_.announce || computer.announcing_held) return;
  computer.node->step(now_, core::TermAnnounced{*outputs_.announce}, outputs_);
  carry_out(name);
}

void ScriptWorld::send(core::Message message) {
  if (cuts_.count({named(message.from.node), named(message.to.node)}) > 0) return;
  messages_.push_back(std::move(message));
}

}  // namespace tandem::script
