#include "tests/e2e/harness/changes.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tests/histories/models.hpp"

namespace tandem::e2e {

using test::Moment;
using test::nothing;

namespace {

constexpr unsigned operators = 3;
constexpr Milliseconds timeout{1'500};  // then the outcome is unknown, and the operator goes on
constexpr Milliseconds between{20};     // not to fill the log: nothing is waited for

Moment moment_now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

nlohmann::json parsed(const std::string& body) {
  return nlohmann::json::parse(body, nullptr, false);
}

std::string code_of(const Answer& answer) {
  const auto document = parsed(answer.body);
  if (!document.is_object() || !document.contains("error")) return {};
  return document["error"].value("code", "");
}

// Of a list of one: the address and weight.
std::string attributes_in(const Answer& answer) {
  const auto document = parsed(answer.body);
  if (!document.is_object() || !document.contains("workers")) return {};
  const auto& workers = document["workers"];
  if (workers.size() != 1) return {};
  return fmt::format("{} {}", workers[0].value("address", ""), workers[0].value("weight", 0));
}

// Of its own: an address of two workers is refused for that.
std::string address_of(const std::string& name) { return fmt::format("127.0.0.{}:1", name[1]); }

std::string addition(const std::string& name, const std::string& address) {
  return fmt::format(R"({{"name": "{}", "address": "{}"}})", name, address);
}

// What is replicated of a master's documents.
std::string replicated(const PairCluster& cluster, const std::string& master) {
  std::string text;
  const auto workers = parsed(cluster.ask(master, "/v1/workers").body);
  if (!workers.is_object()) return "no list of workers";
  for (const auto& worker : workers["workers"]) {
    text += fmt::format("{} {} {} {} {}\n", worker.value("name", ""), worker.value("service", ""),
                        worker.value("address", ""), worker.value("kind", ""),
                        worker.value("weight", 0));
  }
  return text + cluster.ask(master, "/v1/routes").body;
}

}  // namespace

Changes::Changes(const PairCluster& cluster, const std::vector<std::string>& serving, unsigned seed)
    : cluster_(cluster), seed_(seed) {
  const auto status = cluster.status(cluster.await_primary());
  for (const auto& name : serving) {
    const auto& worker = status.workers.at(name);
    const auto state = fmt::format("{} {} open", worker.address, worker.weight);
    things_.push_back({Kind::serving, name, test::History(test::worker_model, state)});
  }
  for (const auto* name : {"x1", "x2", "x3"}) {
    things_.push_back({Kind::passing, name, test::History(test::worker_model, nothing)});
  }
  for (const auto* name : {"y4", "y5", "y6"}) {
    const auto address = address_of(name);
    const auto added =
        cluster.tell(cluster.await_primary(), "/v1/workers", addition(name, address));
    if (added.status != 201) throw std::runtime_error("not added: " + added.error + added.body);
    const auto state = fmt::format("{} 100 open", address);
    things_.push_back({Kind::staying, name, test::History(test::worker_model, state)});
  }
  for (const auto* name : {"r1", "r2"}) {
    things_.push_back({Kind::route, name, test::History(test::value_model, nothing)});
  }
  for (const auto* name : {"s1", "s2"}) {
    things_.push_back({Kind::settings, name, test::History(test::value_model, nothing)});
  }
  // Once there are routes, whatever has none is not found.
  const auto all = cluster.tell(cluster.await_primary(), "/v1/routes",
                                R"({"prefix": "/", "service": "default"})");
  if (all.status != 201) throw std::runtime_error("no route for all: " + all.error + all.body);
}

Changes::~Changes() { stop(); }

void Changes::start() {
  stopping_ = false;
  for (unsigned i = 0; i < operators; ++i) {
    operators_.emplace_back([this, i, seed = seed_ + 1'000 * ++starts_] { operate(i, seed); });
  }
}

bool Changes::await_more(unsigned count) const {
  const unsigned before = made_;
  return eventually([&] { return made_ - before >= count; });
}

void Changes::stop() {
  stopping_ = true;
  for (auto& thread : operators_) thread.join();
  operators_.clear();
}

// Each has things of its own: what two ask for at the same time of the same thing, masters decide
// before it is in the log, and may both grant.
void Changes::operate(unsigned number, unsigned seed) {
  std::mt19937 random(seed);
  const auto& masters = cluster_.names();
  while (!stopping_) {
    const auto chosen = random() % things_.size() / operators * operators + number;
    if (chosen >= things_.size()) continue;
    auto& thing = things_[chosen];
    ask(thing, masters[random() % masters.size()], any_change(thing, random));
    std::this_thread::sleep_for(between);
  }
}

Changes::Request Changes::any_change(const Thing& thing, std::mt19937& random) {
  const unsigned value = ++values_;
  const auto worker = "/v1/workers/" + thing.name;
  const unsigned weight = 101 + value % 800;
  const Request weigh{"POST", worker + "/weight", fmt::format(R"({{"weight": {}}})", weight),
                      fmt::format("weight {}", weight)};
  switch (thing.kind) {
    case Kind::serving: return weigh;
    case Kind::route:
      if (random() % 3 == 0) return {"DELETE", "/v1/routes?prefix=/" + thing.name, "", "remove"};
      return {"POST", "/v1/routes",
              fmt::format(R"({{"prefix": "/{}", "service": "v{}"}})", thing.name, value),
              fmt::format("set v{}", value)};
    case Kind::settings: {
      const auto path = fmt::format("/v1/services/{}/settings", thing.name);
      if (random() % 4 == 0) return {"DELETE", path, "", "unset"};
      const unsigned queue = 1 + value % 60'000;
      return {"PUT", path, fmt::format(R"({{"queue": {}}})", queue), fmt::format("set {}", queue)};
    }
    case Kind::passing:
      if (random() % 2 == 0) return {"DELETE", worker + "?now=true", "", "remove"};
      return {"POST", "/v1/workers", addition(thing.name, address_of(thing.name)),
              "add " + address_of(thing.name)};
    case Kind::staying: break;
  }
  switch (random() % 4) {
    case 0: return {"POST", worker + "/drain", "", "drain"};
    case 1: return {"POST", worker + "/undrain", "", "undrain"};
    case 2: return weigh;
    default: return {"GET", worker + "/drained?wait_ms=0", "", "is drained"};
  }
}

void Changes::ask(Thing& thing, const std::string& master, const Request& request) {
  const Moment asked = moment_now();
  const Answer answer = cluster_.send(master, request.method, request.path, request.body, timeout);
  note_answer(thing, asked, request, answer);
}

void Changes::note(Thing& thing, Moment asked, std::string what, bool unknown) {
  thing.history.add({asked, moment_now(), std::move(what), unknown});
}

void Changes::note_answer(Thing& thing, Moment asked, const Request& request,
                          const Answer& answer) {
  const std::lock_guard lock(mutex_);
  const bool changes = request.method != "GET";
  const auto code = code_of(answer);
  if (answer.status / 100 == 2) {
    ++made_;
    note(thing, asked, request.what);
    const bool is_worker = thing.kind != Kind::route && thing.kind != Kind::settings;
    const auto attributes = attributes_in(answer);
    const bool shown_after = is_worker && request.what != "remove" && !attributes.empty();
    if (shown_after) note(thing, asked, "has " + attributes);
  } else if (answer.unconnected || (answer.status == 503 && code != "outcome_unknown")) {
    return;  // nothing was done
  } else if (answer.status == 0 || answer.status == 503) {
    if (changes) note(thing, asked, request.what, true);
  } else if (answer.status == 404) {
    note(thing, asked, "absent");
  } else if (answer.status == 409 && request.what.starts_with("add ")) {
    note(thing, asked, "exists");
  } else if (answer.status == 409 && !changes) {
    note(thing, asked, code == "in_flight" ? "is drained" : "is open");
  } else {
    unexpected_ = fmt::format("{} {} {}: {} {}", request.method, request.path, request.body,
                              answer.status, answer.body);
  }
}

// What that master shows of it now.
void Changes::look(Thing& thing, const std::string& master) {
  const Moment asked = moment_now();
  std::string seen = nothing;
  if (thing.kind == Kind::route) {
    const auto document = parsed(cluster_.ask(master, "/v1/routes").body);
    for (const auto& route : document["routes"]) {
      if (route.value("prefix", "") == "/" + thing.name) seen = route.value("service", "");
    }
  } else if (thing.kind == Kind::settings) {
    const auto document =
        parsed(cluster_.ask(master, fmt::format("/v1/services/{}/settings", thing.name)).body);
    if (document.contains("queue")) seen = std::to_string(document["queue"].get<unsigned>());
  } else {
    const Answer answer = cluster_.ask(master, "/v1/workers/" + thing.name);
    return note(thing, asked, answer.status == 404 ? "absent" : "has " + attributes_in(answer));
  }
  note(thing, asked, "is " + seen);
}

// The primary's commit index is applied everywhere; what is missing for that.
std::string Changes::await_in_sync() const {
  std::string missing;
  eventually([&] {
    missing.clear();
    try {
      const auto primary = cluster_.await_primary();
      const auto index = [&](const std::string& master, const char* which) {
        const Answer answer = cluster_.ask(master, "/status");
        return nlohmann::json::parse(answer.body).at(which).get<std::uint64_t>();
      };
      const auto committed = index(primary, "commit_index");
      for (const auto& master : cluster_.names()) {
        if (index(master, "applied_index") < committed) {
          missing = fmt::format("{} has not applied {}", master, committed);
        }
      }
    } catch (const std::exception& error) {
      missing = error.what();
    }
    return missing.empty();
  });
  return missing;
}

std::string Changes::disagreement() const {
  std::string all;
  const bool agree = eventually([&] {
    all.clear();
    std::string first;
    bool same = true;
    for (const auto& master : cluster_.names()) {
      const auto text = replicated(cluster_, master);
      if (all.empty()) first = text;
      same = same && text == first;
      all += fmt::format("{}:\n{}\n", master, text);
    }
    return same;
  });
  return agree ? std::string() : "the masters disagree:\n" + all;
}

std::string Changes::wrong() {
  if (const auto missing = await_in_sync(); !missing.empty()) return missing;
  if (auto differs = disagreement(); !differs.empty()) return differs;
  const std::lock_guard lock(mutex_);
  if (!unexpected_.empty()) return "not to be expected: " + unexpected_;
  const Moment moment = moment_now();
  for (auto& thing : things_) {
    for (const auto& master : cluster_.names()) look(thing, master);
    // What nobody knew of in the round before has come by now, or never will.
    const auto verdict = thing.history.settle(settled_);
    if (verdict == test::Verdict::linearizable) continue;
    return fmt::format("the history of {} {}: {}", thing.name,
                       verdict == test::Verdict::violated ? "is not linearisable"
                                                          : "has too many orders to be checked",
                       thing.history.text());
  }
  settled_ = moment;
  return {};
}

}  // namespace tandem::e2e
