"""From figures to rows, from rows to one table."""
import operator
import statistics

COMPARED = ("ours", "nginx", "haproxy")
# In few rows: said in their notes, not in columns of their own.
NOTED = ("portkey", "mcp-proxy", "supergateway")
OPERATORS = {"<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt}
SHOWN = {"ratio": "{}x", "of_haproxy": "{}x haproxy", "excess": "nginx + {}", "ours": "{}"}


class Goal:
    """Conditions on a row, each "column operator bound". `excess` is ours minus nginx. All must
    hold; an aim is said, not judged."""

    def __init__(self, *conditions, aim=None):
        self.conditions = [condition.split() for condition in conditions]
        self.aim = aim

    def __str__(self):
        said = ", ".join(f"{sign} {SHOWN[column].format(bound)}"
                         for column, sign, bound in self.conditions)
        return said + (f" (aim {self.aim})" if self.aim else "")

    def met_by(self, made):
        values = dict(made)
        if made["ours"] is not None and made["nginx"] is not None:
            values["excess"] = made["ours"] - made["nginx"]
        verdicts = [OPERATORS[sign](values[column], float(bound))
                    for column, sign, bound in self.conditions if values.get(column) is not None]
        return all(verdicts) if len(verdicts) == len(self.conditions) else None


def row(name, what, rounds, value, digits, goal=None, note=""):
    """Medians over rounds. Ratios are medians of what was measured in the same round, so they bear
    with a machine that drifts."""
    present = [who for who in (*COMPARED, *NOTED)
               if all(who in measured for measured in rounds)]
    cells = {who: statistics.median(value(measured, who) for measured in rounds)
             for who in present}

    def ratio(other):
        if other not in cells or "ours" not in cells:
            return None
        paired = [value(m, "ours") / value(m, other) for m in rounds if value(m, other) > 0]
        return round(statistics.median(paired), 3) if paired else None
    made = {"row": name, "what": what,
            **{who: round(cells[who], digits) if who in cells else None for who in COMPARED},
            "ratio": ratio("nginx"), "of_haproxy": ratio("haproxy")}
    for who in NOTED:
        if who in cells:
            made |= {who: round(cells[who], digits), f"of_{who}": ratio(who)}
    made |= {"goal": str(goal) if goal else "", "met": goal.met_by(made) if goal else None,
             "note": note}
    return made


def single(name, what, digits, goal=None, note="", **cells):
    """A row of figures that were measured once."""
    return row(name, what, [cells], lambda measured, who: measured[who], digits, goal, note)


def missing(name, what, goal, note):
    """A row that could not be measured, and why."""
    return row(name, what, [{}], None, 0, goal, note)


def text(all_rows):
    heads = ("row", "", "ours", "nginx", "haproxy", "ratio", "of haproxy", "goal", "met", "note")
    lines = [heads] + [
        (r["row"], r["what"], *(plain(r[who]) for who in COMPARED), times(r["ratio"]),
         times(r["of_haproxy"]), r["goal"] or "-", {True: "yes", False: "NO", None: "-"}[r["met"]],
         noted(r)) for r in all_rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    right = range(2, 7)
    return "\n".join(
        "  ".join(cell.rjust(w) if i in right else cell.ljust(w)
                  for i, (cell, w) in enumerate(zip(line, widths))).rstrip() for line in lines)


def noted(made):
    beside = [f"of {who} {made[f'of_{who}']:.3g}x ({plain(made[who])})" for who in NOTED
              if made.get(f"of_{who}") is not None]
    return "; ".join(filter(None, [*beside, made["note"]]))


def plain(figure):
    if figure is None:
        return "-"
    return f"{figure:.0f}" if float(figure).is_integer() else f"{figure}"


def times(ratio):
    return "-" if ratio is None else f"{ratio:.2f}x"
