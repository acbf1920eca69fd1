// scripted_control.hpp: a control address whose answers a test writes. Owner: the test's thread.
#pragma once

#include <algorithm>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "common/wire/error_document.hpp"
#include "common/wire/masters.hpp"
#include "common/wire/status.hpp"
#include "worker/src/connection_server.hpp"

namespace tandem::ctl {

// A control API with known answers, over real HTTP.
class Control {
 public:
  struct State {
    wire::Status status;
    int untold = 0;  // so often it is asked until it says who has told it
    std::vector<std::string> asked;
    // What questions about a wait are answered, in turn; the last again and again.
    std::vector<std::pair<int, std::string>> waiting;
    std::size_t waited = 0;
    std::string settings = "{}";
  };
  // The state, for as long as this lives: the server's threads use it as well.
  struct Access {
    State* operator->() const { return &state; }
    std::unique_lock<std::mutex> lock;
    State& state;
  };

  Control() {
    auto& status = state_.status;
    status.cluster = "c-1";
    status.node = "a";
    status.version = "0.1.0";
    status.role = "primary";
    status.term = Term(3);
    status.primary = wire::PrimaryStatus{"a", "127.0.0.1:7070", "127.0.0.1:8080"};
    status.voters = {{"a", "master", LogIndex(12)}};
    status.workers = {
        {"w2", "default", "127.0.0.1:9002", "tandem", "down", "3 heartbeats missed", "http2", 100,
         64, 0, 7, 2, 61'000},
        {"w1", "default", "127.0.0.1:9001", "tandem", "up", "", "http1", 100, 64, 3, 1'000, 0, 250},
        {"b1", "default", "10.0.0.5:80", "backend", "down", "", "", 1, 64, 0, 0, 0, std::nullopt}};
    server_.Get("/status", [this](const auto&, auto& response) {
      const auto state = this->operator->();
      if (state->untold > 0 && --state->untold == 0) state->status.voters_told_by = "a";
      response.set_content(wire::to_json(state->status), "application/json");
    });
    server_.Get("/v1/workers", [this](const auto&, auto& response) {
      response.set_content(wire::to_json((*this)->status.workers), "application/json");
    });
    server_.Post("/v1/workers/w1/(drain|undrain)",
                 [this](const httplib::Request& request, auto& response) {
                   (*this)->asked.push_back(request.path);
                   response.set_content("{}", "application/json");
                 });
    server_.Post(
        "/v1/workers/none/drain", [](const httplib::Request&, httplib::Response& response) {
          response.status = 404;
          response.set_content(wire::error_document("not_found", "there is no worker none"),
                               "application/json");
        });
    const auto waits = [this](const httplib::Request&, httplib::Response& response) {
      const auto access = operator->();
      const auto turn = std::min(access->waited++, access->waiting.size() - 1);
      response.status = access->waiting[turn].first;
      response.set_content(access->waiting[turn].second, "application/json");
    };
    server_.Get("/v1/workers/w1/drained", waits);
    server_.Delete("/v1/workers/w1", waits);
    const auto masters = [](const httplib::Request&, httplib::Response& response) {
      const wire::Masters list{
          .cluster = "c-1", .node = "a", .primary = "a", .term = Term(3), .masters = {}};
      response.set_content(wire::to_json(list), "application/json");
    };
    server_.Get("/v1/masters", masters);
    server_.Delete("/v1/masters/b", masters);
    server_.Get("/v1/services/shop/settings", [this](const auto&, auto& response) {
      response.set_content((*this)->settings, "application/json");
    });
    server_.Put("/v1/services/shop/settings",
                [this](const httplib::Request& request, auto& response) {
                  (*this)->settings = request.body;
                  response.set_content(request.body, "application/json");
                });
    server_.Delete("/v1/services/shop/settings", [this](const auto&, auto& response) {
      (*this)->settings = "{}";
      response.set_content("{}", "application/json");
    });
    auto opened = server_.open({"127.0.0.1", 0}, 4);
    REQUIRE(opened.ok());
    address = *opened;
  }

  Access operator->() { return {std::unique_lock(mutex_), state_}; }

  Endpoint address;

 private:
  std::mutex mutex_;
  State state_;
  ConnectionServer server_;
};

inline std::pair<int, std::string> in_flight(unsigned count) {
  return {409, fmt::format(R"({{"error":{{"code":"in_flight","message":"busy"}},"in_flight":{}}})",
                           count)};
}

inline std::pair<int, std::string> refused(int status, const char* code) {
  return {status, wire::error_document(code, "cannot")};
}

inline wire::WorkerStatus up(const char* name) {
  wire::WorkerStatus worker;
  worker.name = name;
  worker.service = "default";
  worker.state = "up";
  worker.weight = 100;
  return worker;
}

}  // namespace tandem::ctl
