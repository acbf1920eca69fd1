// Whatever the wire lets through, the core takes without a broken assertion: messages that were
// damaged, invented or spliced together still parse often enough, and who knows the token is not
// thereby free of bugs.
#include <deque>
#include <random>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "common/core/node.hpp"
#include "common/wire/cluster_envelope.hpp"

namespace tandem::core::hostile_messages_test {

using nlohmann::json;

namespace {

// Masters a and b, and a witness w if there are three; each fault draws from one random source.
class HostileWorld {
 public:
  HostileWorld(std::uint64_t seed, std::size_t size) : random_(seed), now_(Duration(1h)) {
    std::vector<NodeId> masters{NodeId("a"), NodeId("b")};
    Configuration configuration;
    for (std::size_t i = 0; i < size; ++i) {
      Options options;
      options.kind = i < 2 ? VoterKind::master : VoterKind::witness;
      options.self = {i < 2 ? masters[i] : NodeId("w"), IncarnationId(i + 1)};
      if (i < 2) options.masters = masters;
      options.log_entries_max = 20;
      configuration = configuration.with({options.self, options.kind, LogIndex(1)});
      machines_.push_back({options, nullptr, {}, {}});
    }
    configuration.pair = size == 2;
    for (auto& machine : machines_) {
      const Stored stored{
          {ClusterId(77), Term(1), {}}, nullptr, {{LogIndex(1), Term(1), configuration}}};
      machine.node = std::make_unique<Node>(machine.options, stored, random_(), now_);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      act();
      settle();
    }
  }

  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t elections() const { return elections_; }
  std::uint64_t committed() const { return committed_; }

 private:
  struct Machine {
    Options options;
    std::unique_ptr<Node> node;
    Outputs outputs;
    WriteNumber durable;
  };

  std::uint64_t below(std::uint64_t end) { return random_() % end; }

  void act() {
    auto& machine = machines_[below(machines_.size())];
    switch (below(12)) {
      case 0: return step(machine, Propose{{1, ++proposed_}, "{}"});
      case 1: return step(machine, HandOver{});
      case 2: return step(machine, TermAnnounced{machine.node->term()});
      case 3: return step(machine, ConnectionRefused{any_node(), now_});
      case 4: return step(machine, ConnectionLost{any_node()});
      case 5:
        return step(machine, Registered{{{{NodeId("w"), IncarnationId(3)}, "h", true},
                                         {{NodeId("v"), IncarnationId(4)}, "i", true}},
                                        {"h", "j"},
                                        machine.node->commit_index()});
      case 6: now_ = now_ + Duration(below(1'000'000'000)); break;
      default: attack(machine); break;
    }
    for (auto& due : machines_) {
      if (due.node->deadline() <= now_) step(due, Tick{});
    }
    now_ = now_ + Duration(below(30'000'000));
  }

  NodeId any_node() { return machines_[below(machines_.size())].options.self.node; }

  // Sends a message that was said before, changed in a few places, if it still parses.
  void attack(Machine& machine) {
    if (said_.empty()) return;
    json message = said_[below(said_.size())];
    for (auto changes = below(4); changes > 0; --changes) damage(message);
    if (below(8) != 0) {
      const auto& self = machine.options.self;
      message["to"] = {{"node", self.node.name()}, {"incarnation", self.incarnation.value()}};
      if (message["from"]["node"] == self.node.name()) message["from"]["node"] = "x";
    }
    if (below(4) != 0) message["term"] = machine.node->term().value() + below(2);
    const json document{{"format", 1},          {"node", "a"}, {"control", "10.0.0.1:1"},
                        {"listen", ""},         {"pass", ""},  {"election_timeout_ms", 500},
                        {"messages", {message}}};
    auto parsed = wire::parse_cluster_envelope(document.dump());
    if (!parsed.ok()) return;
    ++accepted_;
    step(machine, std::move(parsed->messages.front()));
  }

  // Changes one place of `message`: a number, a truth, a name, or a part by one of another message.
  void damage(json& message) {
    const auto places = message.flatten();
    if (places.empty()) return;
    auto place = places.begin();
    std::advance(place, static_cast<std::ptrdiff_t>(below(places.size())));
    const json::json_pointer at(place.key());
    auto& value = message[at];
    if (below(6) == 0) return splice(message, at);
    if (value.is_boolean()) {
      value = !value.get<bool>();
    } else if (value.is_number_unsigned()) {
      value = other_number(value.get<std::uint64_t>());
    } else if (value.is_string() && at.back() == "node") {
      static const std::vector<std::string> names{"a", "b", "w", "v", "x"};
      value = names[below(names.size())];
    } else if (value.is_string() && at.back() == "kind") {
      value = value == "master" ? "witness" : "master";
    }
  }

  std::uint64_t other_number(std::uint64_t number) {
    const auto& log = machines_[below(machines_.size())].node->log();
    switch (below(9)) {
      case 0: return 0;
      case 1: return number + 1;
      case 2: return number > 0 ? number - 1 : 1;
      case 3: return (std::uint64_t{1} << 53) - 1;
      case 4: return log.last_index().value() + below(3);
      case 5: return log.last_term().value() + below(2);
      case 6: return log.snapshot_index().value();
      case 7: return std::uint64_t(now_.since_boot().count());
      default: return below(12);
    }
  }

  // Puts what another message has under some name of this place in its stead, whole lists too.
  void splice(json& message, json::json_pointer at) {
    for (auto up = below(4); up > 0 && at.parent_pointer() != json::json_pointer(); --up) {
      at = at.parent_pointer();
    }
    const json& other = said_[below(said_.size())];
    auto donor = other.flatten();
    for (const auto& [key, value] : donor.items()) {
      json::json_pointer from(key);
      while (!from.empty() && from.back() != at.back()) from = from.parent_pointer();
      if (from.empty() || below(3) != 0) continue;
      message[at] = other[from];
      return;
    }
    if (message[at].is_array() && !message[at].empty()) {
      auto& list = message[at];
      if (below(2) == 0) return list.erase(below(list.size()));
      list.push_back(list[below(list.size())]);
    }
  }

  void settle() {
    for (int left = 200; !inbox_.empty() && left > 0; --left) {
      Message message = std::move(inbox_.front());
      inbox_.pop_front();
      for (auto& machine : machines_) {
        if (machine.options.self.node == message.to.node && below(8) != 0) {
          step(machine, message);
        }
      }
    }
    inbox_.clear();
  }

  void step(Machine& machine, Input input) {
    auto& outputs = machine.outputs;
    machine.node->step(now_, std::move(input), outputs);
    for (auto& outbound : outputs.messages) {
      remember(outbound.message);
      inbox_.push_back(std::move(outbound.message));
    }
    if (outputs.role && outputs.role->role == Role::primary) ++elections_;
    committed_ += outputs.apply.size();
    const auto write = outputs.write;
    if (outputs.snapshot_wanted && below(3) == 0) {
      step(machine, SnapshotTaken{machine.node->commit_index(), "[]"});
    }
    if (write && below(10) != 0) durable(machine, write->number);
  }

  void durable(Machine& machine, WriteNumber number) {
    if (number > machine.durable) step(machine, Durable{machine.durable = number});
  }

  void remember(const Message& message) {
    const auto document = json::parse(to_json(wire::ClusterEnvelope{.node = NodeId("a"),
                                                                    .control = {"10.0.0.1", 1},
                                                                    .listen = {},
                                                                    .pass = {},
                                                                    .election_timeout = 500ms,
                                                                    .found_out = {},
                                                                    .messages = {message}}));
    const auto& said = document["messages"][0];
    if (said_.size() < 200) return said_.push_back(said);
    said_[below(said_.size())] = said;
  }

  std::mt19937_64 random_;
  Instant now_;
  std::vector<Machine> machines_;
  std::deque<Message> inbox_;
  std::vector<json> said_;
  std::uint64_t proposed_ = 0;
  std::uint64_t accepted_ = 0;
  std::uint64_t elections_ = 0;
  std::uint64_t committed_ = 0;
};

}  // namespace

TEST_CASE("no message that parses breaks an assertion of the core") {
  std::uint64_t accepted = 0;
  std::uint64_t elections = 0;
  std::uint64_t committed = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    HostileWorld world(seed, seed % 3 == 0 ? 2 : 3);
    world.run(400);
    accepted += world.accepted();
    elections += world.elections();
    committed += world.committed();
  }
  // Enough of them got through, and the cluster lived enough, for this to mean something.
  CHECK(accepted > 20'000);
  CHECK(elections > 1'000);
  CHECK(committed > 10'000);
}

}  // namespace tandem::core::hostile_messages_test
