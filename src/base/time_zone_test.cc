#include "base/time_zone.h"

#include <gtest/gtest.h>

#include <array>

#include "base/time.h"

namespace satgate {
namespace {

using Period = Span (TimeZone::*)(int64_t) const;

int64_t at(std::string_view text) {
  return parse_time(text)->unix_seconds();
}

std::string text(Span span) {
  return format_rfc3339(Time::seconds(span.begin)) + " " + format_rfc3339(Time::seconds(span.end));
}

TimeZone zone(std::string_view name) {
  const auto found = TimeZone::named(name);
  EXPECT_TRUE(found) << name;
  return found.value_or(TimeZone());
}

// The period of a zone that an instant lies in.
std::string period(const TimeZone& in, Period kind, std::string_view instant) {
  return text((in.*kind)(at(instant)));
}
constexpr Period kMinute = &TimeZone::minute;
constexpr Period kHour = &TimeZone::hour;
constexpr Period kDay = &TimeZone::day;
constexpr Period kMonth = &TimeZone::month;

TEST(TimeZone, UtcIsWhatTheCalendarSays) {
  const TimeZone utc;
  constexpr std::string_view t = "2028-02-29T23:59:59Z";
  EXPECT_EQ(period(utc, kMinute, t), "2028-02-29T23:59:00Z 2028-03-01T00:00:00Z");
  EXPECT_EQ(period(utc, kHour, t), "2028-02-29T23:00:00Z 2028-03-01T00:00:00Z");
  EXPECT_EQ(period(utc, kDay, t), "2028-02-29T00:00:00Z 2028-03-01T00:00:00Z");
  EXPECT_EQ(period(utc, kMonth, t), "2028-02-01T00:00:00Z 2028-03-01T00:00:00Z");
  EXPECT_EQ(utc.day(-1), (Span{-86400, 0}));
  EXPECT_EQ(utc.hour(-1), (Span{-3600, 0}));
}

TEST(TimeZone, DaysWithASwitchHave23Or25Hours) {
  const TimeZone berlin = zone("Europe/Berlin");
  EXPECT_EQ(period(berlin, kDay, "2026-03-29T12:00:00Z"),
            "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
  EXPECT_EQ(period(berlin, kDay, "2026-10-25T12:00:00Z"),
            "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
  EXPECT_EQ(period(berlin, kMonth, "2026-10-25T12:00:00Z"),
            "2026-09-30T22:00:00Z 2026-10-31T23:00:00Z");
}

// 02:00 to 03:00 comes twice on 2026-10-25 in Berlin.
TEST(TimeZone, AnHourThatComesTwiceIsTwoPeriods) {
  const TimeZone berlin = zone("Europe/Berlin");
  EXPECT_EQ(period(berlin, kHour, "2026-10-25T00:30:00Z"),
            "2026-10-25T00:00:00Z 2026-10-25T01:00:00Z");
  EXPECT_EQ(period(berlin, kHour, "2026-10-25T01:30:00Z"),
            "2026-10-25T01:00:00Z 2026-10-25T02:00:00Z");
  EXPECT_EQ(period(berlin, kMinute, "2026-10-25T01:30:30Z"),
            "2026-10-25T01:30:00Z 2026-10-25T01:31:00Z");
}

TEST(TimeZone, OffsetsNeedNotBeWholeHours) {
  const TimeZone kathmandu = zone("Asia/Kathmandu");  // +05:45
  EXPECT_EQ(period(kathmandu, kHour, "2026-04-09T12:00:00Z"),
            "2026-04-09T11:15:00Z 2026-04-09T12:15:00Z");
  EXPECT_EQ(period(kathmandu, kDay, "2026-04-09T12:00:00Z"),
            "2026-04-08T18:15:00Z 2026-04-09T18:15:00Z");
  // Lord Howe sets its clocks by half an hour: the hours around it are cut there.
  const TimeZone howe = zone("Australia/Lord_Howe");
  EXPECT_EQ(period(howe, kHour, "2026-04-04T14:59:59Z"),
            "2026-04-04T14:00:00Z 2026-04-04T15:00:00Z");
  EXPECT_EQ(period(howe, kHour, "2026-04-04T15:10:00Z"),
            "2026-04-04T15:00:00Z 2026-04-04T15:30:00Z");
  EXPECT_EQ(period(howe, kHour, "2026-04-04T15:30:00Z"),
            "2026-04-04T15:30:00Z 2026-04-04T16:30:00Z");
  EXPECT_EQ(period(howe, kDay, "2026-04-04T20:00:00Z"),
            "2026-04-04T13:00:00Z 2026-04-05T13:30:00Z");
}

// Samoa had no 30 December 2011.
TEST(TimeZone, ADateThatIsSkippedIsNoPeriod) {
  const TimeZone apia = zone("Pacific/Apia");
  EXPECT_EQ(period(apia, kDay, "2011-12-30T09:59:59Z"),
            "2011-12-29T10:00:00Z 2011-12-30T10:00:00Z");
  EXPECT_EQ(period(apia, kDay, "2011-12-30T10:00:00Z"),
            "2011-12-30T10:00:00Z 2011-12-31T10:00:00Z");
}

// In Saint John's clocks went back from 00:01 to 23:01 of the day before, which had ended by then.
TEST(TimeZone, ADateThatComesBackIsNotOpenedAgain) {
  const TimeZone johns = zone("America/St_Johns");
  const Span before = johns.day(at("2010-11-06T12:00:00Z"));
  const Span after = johns.day(at("2010-11-07T12:00:00Z"));
  EXPECT_EQ(text(before), "2010-11-06T02:30:00Z 2010-11-07T02:30:00Z");
  EXPECT_EQ(text(after), "2010-11-07T02:30:00Z 2010-11-08T03:30:00Z");
  EXPECT_EQ(johns.day(at("2010-11-07T02:45:00Z")), after);
  EXPECT_EQ(period(johns, kHour, "2010-11-07T02:30:30Z"),
            "2010-11-07T02:30:00Z 2010-11-07T02:31:00Z");
}

TEST(TimeZone, UnknownNamesAndPathsAreRefused) {
  for (const std::string_view name : {"", "Europe/Atlantis", "/etc/localtime", "../zone.tab",
                                      "file:x", "Fixed/UTC+01:00:00", "Europe/Berlin "}) {
    EXPECT_FALSE(TimeZone::named(name)) << name;
  }
  EXPECT_EQ(TimeZone(), zone("UTC"));
  EXPECT_NE(TimeZone(), zone("Europe/Berlin"));
}

// Every instant is in exactly one period of each kind, and the periods follow one another.
TEST(TimeZone, PeriodsTileTimeInEveryKindOfZone) {
  constexpr std::array<Period, 4> kPeriods = {kMinute, kHour, kDay, kMonth};
  for (const char* name :
       {"UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe",
        "Pacific/Apia", "America/St_Johns", "Africa/Casablanca", "Asia/Gaza", "Pacific/Kwajalein",
        "Antarctica/Troll", "Europe/Dublin", "America/Sao_Paulo", "Asia/Pyongyang"}) {
    const TimeZone z = zone(name);
    for (const Period kind : kPeriods) {
      const bool is_minute = kind == kMinute;
      const int64_t until = at(is_minute ? "2026-04-01" : "2027-01-01");
      Span span = (z.*kind)(at(is_minute ? "2026-03-27" : "1993-01-01"));
      // Minutes and hours of forty years would take long: of each day two, of those with a switch
      // all.
      const int64_t stride = kind == kHour ? 7 : 1;
      for (int64_t i = 0; span.end < until; ++i) {
        const Span next = (z.*kind)(span.end);
        ASSERT_EQ(next.begin, span.end) << name << " " << text(span);
        ASSERT_LT(next.begin, next.end) << name;
        ASSERT_EQ((z.*kind)(next.end - 1), next) << name << " " << text(next);
        ASSERT_EQ((z.*kind)(next.begin + (next.end - next.begin) / 2), next) << name;
        span = stride == 1 ? next : (z.*kind)(next.end + (i % stride) * 3600);
      }
    }
  }
}

}  // namespace
}  // namespace satgate
