// former_primaries.hpp: is a master that led before still there?
//
// One that was frozen keeps its connections open and says nothing, and so does one that only handed
// over and works on a request. So it is asked for something that every master answers by itself,
// whoever leads: OPTIONS with Max-Forwards: 0 (RFC 9110 §7.6.2), on a connection of its own. Any
// answer is a sign of life, and so is a refused connection: that is how one drains. One question to
// a master at a time. Owner: the loop.
#pragma once

#include <functional>
#include <memory>

#include "master/forward/io/byte_stream.hpp"
#include "master/forward/io/deadline_wheel.hpp"
#include "master/forward/io/intrusive_list.hpp"
#include "master/forward/io/task.hpp"
#include "master/forward/workers/upstream.hpp"

namespace tandem::master {

class FormerPrimaries {
 public:
  // What was found out.
  using Report = std::function<void(const Upstream&, bool is_there)>;

  // Both outlive it.
  FormerPrimaries(Reactor& reactor, DeadlineWheel& wheel, Report report);
  ~FormerPrimaries();

  // The report follows within limits::superseded_answer_max, unless the loop ends.
  void ask(std::shared_ptr<const Upstream> master);
  // The loop ends: nothing is reported any more.
  void abort();

 private:
  class Question;
  static Detached run(std::unique_ptr<Question> question);

  Reactor& reactor_;
  DeadlineWheel& wheel_;
  const Report report_;
  IntrusiveList<Question> questions_;
  bool stopping_ = false;
};

}  // namespace tandem::master
