#include "master/discovery/zookeeper_session.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "common/base/assert.hpp"
#include "master/discovery/limits.hpp"
#include "master/discovery/zookeeper_node.hpp"

namespace tandem::master {

using namespace zookeeper;

namespace {

constexpr std::size_t node_name_bytes_max = 1'024;
constexpr int lists_per_tick_max = 2;

}  // namespace

void ZooKeeperSession::begin(const Endpoint&) { words_ += opening(limits::source_session_timeout); }

void ZooKeeperSession::pull(std::string& out) { out += std::exchange(words_, {}); }

void ZooKeeperSession::feed(std::string_view bytes) {
  if (is_over()) return;
  heard_.add(bytes);
  while (!is_over()) {
    std::string_view message;
    switch (heard_.next(message, limits::source_answer_bytes_max - list_bytes_)) {
      case MessageStream::Next::incomplete: return;
      case MessageStream::Next::strange: return fail_as_strange();
      case MessageStream::Next::too_long:
        return state_ == State::opening ? fail_as_strange() : fail("its answer is too long");
      case MessageStream::Next::message: break;
    }
    list_bytes_ += message.size();
    take(message);
  }
}

void ZooKeeperSession::take(std::string_view frame) {
  JuteReader reader(frame);
  if (state_ == State::opening) return take_opening(frame);
  const auto number = reader.number();
  const auto transaction = reader.long_number();
  const auto error = reader.number();
  if (!number || !transaction || !error) return fail_as_strange();
  if (*number == of_event) {
    changed_ = true;
    return list_if_changed();
  }
  if (*number == of_ping) {
    silent_ticks_ = 0;
    return;
  }
  if (*number == of_auth) {
    if (*error != no_error) fail("it refuses the user");
    return;
  }
  const bool is_expected = *number == next_reply_ && next_reply_ < next_request_;
  if (!is_expected) return fail_as_strange();
  ++next_reply_;
  take_reply(reader, *error);
}

void ZooKeeperSession::take_opening(std::string_view frame) {
  const auto opened = read_opening(frame);
  if (!opened) return fail_as_strange();
  if (opened->timeout_ms <= 0) return fail("it refuses a session");
  if (!question_.credentials.empty()) words_ += authentication(question_.credentials);
  list_anew();
}

void ZooKeeperSession::take_reply(JuteReader reader, std::int32_t error) {
  switch (state_) {
    case State::listing: return take_names(reader, error);
    case State::reading: return take_node(reader, error);
    case State::unborn:
      if (error != no_error && error != no_node) return fail_with(error);
      changed_ = changed_ || error == no_error;
      return settle();
    case State::closing: state_ = State::over; return;
    case State::opening:
    case State::waiting:
    case State::over: break;
  }
  fail_as_strange();
}

void ZooKeeperSession::take_names(JuteReader reader, std::int32_t error) {
  if (error == no_node && question_.known) {
    state_ = State::unborn;
    return ask(op_exists, question_.path);
  }
  if (error == no_node) return settle();
  if (error == no_permission) return fail(fmt::format("{} may not be read", question_.path));
  if (error != no_error) return fail_with(error);
  const auto count = reader.number();
  if (!count) return fail_as_strange();
  std::vector<std::string_view> names;
  for (std::int32_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    if (!name) return fail_as_strange();
    if (names.size() >= limits::source_values_max) return fail("its answer is too long");
    names.push_back(*name);
  }
  keep_names(std::move(names));
  state_ = State::reading;
  ask_for_nodes();
}

// The first by their names, so that all masters take the same.
void ZooKeeperSession::keep_names(std::vector<std::string_view> names) {
  std::sort(names.begin(), names.end());
  names_.clear();
  asked_ = read_ = 0;
  std::size_t beyond = 0;
  for (const auto name : names) {
    const bool is_name =
        !name.empty() && name.size() <= node_name_bytes_max && name.find('/') == name.npos;
    if (!is_name) {
      collector_.skip(name, "it is no name of a node");
    } else if (names_.size() < limits::source_instances_max) {
      names_.emplace_back(name);
    } else {
      ++beyond;
    }
  }
  if (beyond == 0) return;
  collector_.skip(fmt::format("{} nodes", beyond),
                  fmt::format("more than {} are not taken", limits::source_instances_max));
}

void ZooKeeperSession::take_node(JuteReader reader, std::int32_t error) {
  TANDEM_ASSERT(read_ < asked_ && asked_ <= names_.size());
  const auto& name = names_[read_++];
  const auto data = error == no_error ? reader.text() : std::string_view();
  if (!data) return fail_as_strange();
  if (error == no_permission) {
    collector_.skip(name, "it may not be read");
  } else if (error == no_node) {
    // It has gone since.
  } else if (error != no_error) {
    return fail_with(error);
  } else {
    take_zookeeper_node(collector_, name, *data);
  }
  ask_for_nodes();
}

void ZooKeeperSession::ask(std::int32_t operation, const std::string& path) {
  words_ += JuteWriter()
                .number(next_request_++)
                .number(operation)
                .text(path)
                .boolean(question_.known.has_value())  // to be told of a change
                .frame();
}

void ZooKeeperSession::ask_for_nodes() {
  if (read_ == names_.size()) return settle();
  while (asked_ < names_.size() && asked_ < read_ + limits::source_nodes_at_once) {
    ask(op_get_data, fmt::format("{}/{}", question_.path, names_[asked_++]));
  }
}

void ZooKeeperSession::list_anew() {
  state_ = State::listing;
  changed_ = false;
  ++lists_;
  list_bytes_ = 0;
  state_ticks_ = 0;
  collector_ = {};
  ask(op_get_children, question_.path);
}

// Many changes are one list.
void ZooKeeperSession::list_if_changed() {
  if (state_ == State::waiting && changed_ && lists_ < lists_per_tick_max) list_anew();
}

void ZooKeeperSession::settle() {
  auto list = std::move(collector_).list();
  if (!question_.known || list != *question_.known) return finish(std::move(list));
  state_ = State::waiting;
  list_bytes_ = 0;
  silent_ticks_ = 0;
  list_if_changed();
}

void ZooKeeperSession::finish(InstanceList list) {
  answer_ = std::move(list);
  state_ = State::closing;
  list_bytes_ = 0;
  state_ticks_ = 0;
  words_ += closing(next_request_++);
}

void ZooKeeperSession::tick() {
  ++ticks_;
  lists_ = 0;
  switch (state_) {
    case State::opening:
    case State::listing:
    case State::reading:
    case State::unborn:
      if (++state_ticks_ > limits::source_list_ticks_max) fail("no answer in time");
      return;
    case State::waiting:
      list_bytes_ = 0;
      if (silent_ticks_ >= limits::source_silent_ticks_max) return fail("no answer in time");
      if (ticks_ >= limits::source_session_ticks_max) return finish(*question_.known);
      ++silent_ticks_;
      words_ += ping();
      return list_if_changed();
    case State::closing:
      if (++state_ticks_ > 1) state_ = State::over;
      return;
    case State::over: return;
  }
}

void ZooKeeperSession::fail(std::string problem) {
  problem_ = std::move(problem);
  state_ = State::over;
}

void ZooKeeperSession::fail_with(std::int32_t error) {
  fail(fmt::format("it answers error {}", error));
}

void ZooKeeperSession::fail_as_strange() { fail("its answer is not ZooKeeper's"); }

}  // namespace tandem::master
