// balance_options.hpp: how a master balances, as its loops are told at the start.
#pragma once

#include "master/balance/circuit_breaker.hpp"
#include "master/balance/policy_spec.hpp"
#include "master/balance/slow_start.hpp"
#include "master/balance/sticky_cookie.hpp"

namespace tandem::master {

struct BalanceOptions {
  PolicySpec policy;
  StickyCookie sticky;
  SlowStart slow_start;
  CircuitBreaker breaker;
};

}  // namespace tandem::master
