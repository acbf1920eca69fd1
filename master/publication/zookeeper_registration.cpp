#include "master/publication/zookeeper_registration.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "common/base/printable.hpp"
#include "master/discovery/limits.hpp"
#include "master/publication/limits.hpp"
#include "master/publication/zookeeper_names.hpp"

namespace tandem::master {

using namespace zookeeper;

namespace {

constexpr std::int32_t flag_ephemeral = 1;
constexpr std::int32_t all_permissions = 31;
constexpr std::int32_t may_read = 1;
constexpr std::size_t told_path_bytes_max = 200;
constexpr Duration ping_every = 1s;
constexpr int pings_in_timeout = 3;  // at least, whatever timeout the server grants

constexpr int ticks_in(Duration time) {
  return static_cast<int>(time / Duration(limits::publication_tick));
}

std::string told_path(std::string_view path) {
  return printable(path.substr(0, told_path_bytes_max));
}

}  // namespace

void ZooKeeperRegistration::begin(const Endpoint&) { words_ += opening(limits::publication_lease); }

void ZooKeeperRegistration::pull(std::string& out) { out += std::exchange(words_, {}); }

void ZooKeeperRegistration::feed(std::string_view bytes) {
  if (is_over()) return;
  silent_ticks_ = 0;
  heard_.add(bytes);
  while (!is_over()) {
    std::string_view message;
    switch (heard_.next(message, limits::source_answer_bytes_max - heard_bytes_)) {
      case MessageStream::Next::incomplete: return;
      case MessageStream::Next::strange: return fail_as_strange();
      case MessageStream::Next::too_long:
        return state_ == State::opening ? fail_as_strange() : fail("its answer is too long");
      case MessageStream::Next::message: break;
    }
    heard_bytes_ += message.size();
    take(message);
  }
}

void ZooKeeperRegistration::take(std::string_view message) {
  if (state_ == State::opening) return take_opening(message);
  JuteReader reader(message);
  const auto number = reader.number();
  const auto transaction = reader.long_number();
  const auto error = reader.number();
  if (!number || !transaction || !error) return fail_as_strange();
  if (*number == of_event || *number == of_ping) return;
  if (*number == of_auth) {
    if (*error != no_error) fail("it refuses the user");
    return;
  }
  const bool is_expected = *number == next_reply_ && next_reply_ < next_request_;
  if (!is_expected) return fail_as_strange();
  ++next_reply_;
  if (asked_.empty()) {
    if (state_ == State::closing) state_ = State::over;
    return is_over() ? void() : fail_as_strange();
  }
  const auto request = std::move(asked_.front());
  asked_.pop_front();
  take_reply(request, *error, reader);
  if (!is_over()) go_on();
}

void ZooKeeperRegistration::take_opening(std::string_view message) {
  const auto opened = read_opening(message);
  if (!opened) return fail_as_strange();
  if (opened->timeout_ms <= 0) return fail("it refuses a session");
  session_ = opened->session;
  const Duration timeout = std::chrono::milliseconds(opened->timeout_ms);
  ping_ticks_ = std::max(1, ticks_in(std::min(ping_every, timeout / pings_in_timeout)));
  if (!terms_.credentials.empty()) words_ += authentication(terms_.credentials);
  state_ = State::settled;
  if (is_wanted_) begin_pass();
}

void ZooKeeperRegistration::want(Publisher::Wanted wanted) {
  wanted_ = std::move(wanted);
  is_wanted_ = true;
  passes_ = 0;
  if (state_ == State::settled) return begin_pass();
  again_ = true;
}

void ZooKeeperRegistration::close() {
  if (is_over() || state_ == State::closing) return;
  if (state_ == State::opening) return drop();
  plan_.clear();
  state_ = State::closing;
  words_ += closing(next_request_++);
}

void ZooKeeperRegistration::drop() { fail("it was left"); }

void ZooKeeperRegistration::begin_pass() {
  again_ = false;
  if (++passes_ > limits::publication_attempts_max) {
    return fail("others remove its nodes all the time");
  }
  heard_bytes_ = 0;
  state_ = State::making;
  make_nodes();
  go_on();
}

std::string ZooKeeperRegistration::path_of(const PublishedEntry& entry) const {
  return fmt::format("{}/{}", zookeeper_service_path(terms_.root, entry.service),
                     zookeeper_id_of(entry, wanted_.master, session_));
}

void ZooKeeperRegistration::make_nodes() {
  held_ = {};
  for (const auto& entry : *wanted_.entries) {
    if (made_.contains(entry)) {
      ++held_.entries;
      continue;
    }
    auto path = path_of(entry);
    if (refused_.contains(path)) {
      held_.leave_out(fmt::format("{} is somebody else's", told_path(path)));
      continue;
    }
    make_parents(entry.service);
    plan_.push_back({.kind = Request::Kind::node, .path = std::move(path), .entry = entry});
  }
}

void ZooKeeperRegistration::make_parents(const std::string& service) {
  if (!parents_.insert(service).second) return;
  const auto path = zookeeper_service_path(terms_.root, service);
  for (auto end = path.find('/', 1);; end = path.find('/', end + 1)) {
    plan_.push_back({.kind = Request::Kind::parent, .path = path.substr(0, end)});
    if (end == path.npos) return;
  }
}

void ZooKeeperRegistration::read_all() {
  review_ticks_ = ticks_in(limits::publication_review);
  former_.clear();
  seen_.clear();
  own_.clear();
  for (const auto& [entry, path] : made_) own_.insert(path);
  for (const auto& service : parents_) {
    plan_.push_back(
        {.kind = Request::Kind::list, .path = zookeeper_service_path(terms_.root, service)});
  }
}

void ZooKeeperRegistration::remove_others() {
  std::set<Endpoint> replaced;
  for (const auto& [entry, path] : made_) {
    if (wanted_.entries->contains(entry)) {
      replaced.insert(entry.address);
    } else {
      plan_.push_back({.kind = Request::Kind::removal, .path = path, .entry = entry});
    }
  }
  for (const auto& [path, address] : former_) {
    const bool is_over =
        replaced.contains(address) || wanted_.withdrawn.contains(address) || !wanted_.spares_former;
    if (is_over) plan_.push_back({.kind = Request::Kind::removal, .path = path});
  }
}

// Sends what may be sent, and goes on when all of it was answered.
void ZooKeeperRegistration::go_on() {
  for (;;) {
    send();
    const bool works =
        state_ == State::making || state_ == State::reading || state_ == State::removing;
    if (!works || !plan_.empty() || !asked_.empty()) return;
    next_state();
  }
}

void ZooKeeperRegistration::next_state() {
  switch (state_) {
    case State::making:
      state_ = State::reading;
      if (review_ticks_ <= 0) read_all();
      return;
    case State::reading: state_ = State::removing; return remove_others();
    case State::removing:
      state_ = State::settled;
      if (again_) begin_pass();
      return;
    case State::opening:
    case State::settled:
    case State::closing:
    case State::over: break;
  }
  assertion_failed("a session that works", __FILE__, __LINE__);
}

// Another master may lead by now, if this process was frozen: what that one has made would be taken
// for what a former one has left.
void ZooKeeperRegistration::send() {
  if (!plan_.empty() && !terms_.may_publish()) return fail("this master no longer leads");
  while (!plan_.empty() && asked_.size() < limits::publication_requests_at_once) {
    auto request = std::move(plan_.front());
    plan_.pop_front();
    switch (request.kind) {
      case Request::Kind::parent:
      case Request::Kind::node: send_creation(request); break;
      case Request::Kind::list:
        words_ += JuteWriter()
                      .number(next_request_++)
                      .number(op_get_children)
                      .text(request.path)
                      .boolean(false)
                      .frame();
        break;
      case Request::Kind::removal:
        words_ += JuteWriter()
                      .number(next_request_++)
                      .number(op_delete)
                      .text(request.path)
                      .number(-1)  // of any version
                      .frame();
        break;
    }
    asked_.push_back(std::move(request));
  }
}

void ZooKeeperRegistration::send_creation(const Request& request) {
  const bool is_node = request.kind == Request::Kind::node;
  JuteWriter writer;
  writer.number(next_request_++).number(op_create).text(request.path);
  const auto id = std::string_view(request.path).substr(request.path.rfind('/') + 1);
  writer.text(is_node ? curator_document(request.entry, id, terms_.registered_ms) : std::string());
  // Everybody may do everything, or read alone what the user has made.
  if (terms_.credentials.empty()) {
    writer.number(1).number(all_permissions).text("world").text("anyone");
  } else {
    writer.number(2).number(all_permissions).text("auth").text("");
    writer.number(may_read).text("world").text("anyone");
  }
  words_ += writer.number(is_node ? flag_ephemeral : 0).frame();
}

void ZooKeeperRegistration::take_reply(const Request& request, std::int32_t error,
                                       JuteReader reader) {
  switch (request.kind) {
    // Whether one is missing the nodes below it tell.
    case Request::Kind::parent: return;
    case Request::Kind::node: return take_node(request, error);
    case Request::Kind::list: return take_list(request, error, reader);
    case Request::Kind::removal: break;
  }
  if (error == no_permission) return fail(told_path(request.path) + " may not be removed");
  if (error != no_error && error != no_node) return fail(fmt::format("it answers error {}", error));
  if (const auto found = made_.find(request.entry);
      found != made_.end() && found->second == request.path) {
    made_.erase(found);
  }
  former_.erase(request.path);
}

void ZooKeeperRegistration::take_node(const Request& request, std::int32_t error) {
  switch (error) {
    case no_error:
      made_.insert_or_assign(request.entry, request.path);
      ++held_.entries;
      return;
    case node_exists:
      if (refused_.size() < limits::published_entries_max) refused_.insert(request.path);
      held_.leave_out(fmt::format("{} is somebody else's", told_path(request.path)));
      return;
    case no_node:  // somebody has removed the one above it
      parents_.erase(request.entry.service);
      again_ = true;
      return;
    case no_permission: return fail(told_path(request.path) + " may not be made");
    default: break;
  }
  fail(fmt::format("it answers error {}", error));
}

void ZooKeeperRegistration::take_list(const Request& request, std::int32_t error,
                                      JuteReader reader) {
  if (error == no_permission) return fail(told_path(request.path) + " may not be read");
  if (error != no_error && error != no_node) return fail(fmt::format("it answers error {}", error));
  const auto count = error == no_node ? 0 : reader.number();
  if (!count) return fail_as_strange();
  for (std::int32_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    if (!name) return fail_as_strange();
    const auto address = address_of_node(*name, wanted_.master.cluster);
    if (!address || name->find('/') != name->npos) continue;
    auto path = fmt::format("{}/{}", request.path, *name);
    if (former_.size() + seen_.size() >= 2 * limits::published_entries_max) {
      return fail("it tells too many nodes");
    }
    if (own_.contains(path)) {
      seen_.insert(std::move(path));
    } else {
      former_.emplace(std::move(path), *address);
    }
  }
  if (!plan_.empty() || !asked_.empty()) return;
  // That was the last list: what is missing is made anew.
  const auto gone =
      std::erase_if(made_, [this](const auto& each) { return !seen_.contains(each.second); });
  if (gone > 0) again_ = true;
  seen_.clear();
  own_.clear();
}

void ZooKeeperRegistration::tick() {
  ++silent_ticks_;
  if (review_ticks_ > 0) --review_ticks_;
  switch (state_) {
    case State::opening:
    case State::closing:
      if (silent_ticks_ > ticks_in(limits::publication_silence_max)) fail("no answer in time");
      return;
    case State::over: return;
    case State::making:
    case State::reading:
    case State::removing:
    case State::settled: break;
  }
  if (silent_ticks_ > ticks_in(limits::publication_silence_max)) return fail("no answer in time");
  if (++ticks_ < ping_ticks_) return;
  ticks_ = 0;
  words_ += ping();
}

void ZooKeeperRegistration::fail(std::string problem) {
  problem_ = std::move(problem);
  state_ = State::over;
}

void ZooKeeperRegistration::fail_as_strange() { fail("its answer is not ZooKeeper's"); }

}  // namespace tandem::master
