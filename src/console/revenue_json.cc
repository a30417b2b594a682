#include "console/revenue_json.h"

namespace satgate::console {
namespace {

Json row_json(const report::RevenueRow& row, report::RevenueBy by) {
  Json out = {{"key", row.name}};
  if (by == report::RevenueBy::partner) {
    out["month"] = row.period;
    out["calls"] = row.calls;
    out["share"] = money_json(row.earned);
    return out;
  }
  out["calls"] = row.calls;
  out["earned"] = money_json(row.earned);
  out["earned_msat"] = row.earned_msat;
  return out;
}

}  // namespace

Json revenue_json(const report::RevenueReport& report) {
  Json rows = Json::array();
  for (const report::RevenueRow& row : report.rows)
    rows.push_back(row_json(row, report.by));
  const Json total = {{"payments", report.payments},
                      {"received_msat", report.received_msat},
                      {"calls", report.calls},
                      {"earned", money_json(report.earned)},
                      {"earned_msat", report.earned_msat},
                      {"shares", money_json(report.shares)},
                      {"refunds", report.refunds},
                      {"refunded_msat", report.refunded_msat}};
  const Json now = {{"owed_msat", report.owed_msat}, {"unused_msat", report.unused_msat}};
  return {{"by", to_string(report.by)}, {"rows", rows}, {"total", total}, {"now", now}};
}

}  // namespace satgate::console
