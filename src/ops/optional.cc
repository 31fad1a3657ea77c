// Optionals: made, asked whether they hold something, opened.
#include "ops/common.h"

namespace hone {
namespace {

constexpr Port kWhatever{"value", kAny, 0, Port::Presence::optional, Port::Holds::any};

}  // namespace

const OpDef& optional_op() {
  static const OpDef def{
      .name = "optional",
      .doc = "An optional that holds the input; without input an empty one for values of `type`.",
      .inputs = {kWhatever},
      .outputs = {{"optional", kAny, 0, Port::Presence::required, Port::Holds::optional}},
      .attrs = {{"type", AttrKind::type}},
      .infer = [](const Infer& c) -> Result<Types> {
        if (!c.has(0) && !c.given("type")) return attribute_error(c, "type is missing");
        Type element = c.has(0) ? c.type(0) : c.type_attr("type");
        element.tensor.encoding = {};
        return Types{Type::optional_of(std::move(element))};
      },
      .reference = [](Call& c) -> Status {
        Datum out;
        out.kind = Datum::Kind::optional;
        out.empty_type = c.out_type(0).element();
        if (c.has(0)) out.items.push_back(c.datum(0));
        c.set(0, std::move(out));
        return ok();
      },
      .examples = {R"(graph full(x: f32[2,3]) -> (y) { y = optional(x) })",
                   R"(graph empty() -> (y, h) {
        y = optional() <type=f32[2]>
        h = optional_has_element(y)
      })"},
  };
  return def;
}

const OpDef& optional_has_element_op() {
  static const OpDef def{
      .name = "optional_has_element",
      .doc = "Whether the input is given and, if it is an optional, holds something (bool scalar).",
      .inputs = {kWhatever},
      .outputs = {{"answer", DType::boolean}},
      .infer = [](const Infer&) -> Result<Types> { return Types{Type(DType::boolean, Shape{})}; },
      .reference = [](Call& c) -> Status {
        const bool holds =
            c.has(0) && (c.datum(0).kind != Datum::Kind::optional || !c.datum(0).items.empty());
        store_integer(*TRY(c.out(0)), 0, holds ? 1 : 0);
        return ok();
      },
  };
  return def;
}

const OpDef& optional_get_element_op() {
  static const OpDef def{
      .name = "optional_get_element",
      .doc = "What an optional holds; anything else is returned as it is.",
      .inputs = {{"value", kAny, 0, Port::Presence::required, Port::Holds::any}},
      .outputs = {{"element", kAny, 0, Port::Presence::required, Port::Holds::any}},
      .infer = [](const Infer& c) -> Result<Types> {
        Type type = c.type(0).is(Type::Wrapper::optional) ? c.type(0).element() : c.type(0);
        type.tensor.encoding = {};
        return Types{std::move(type)};
      },
      .cost = movement_cost,
      .reference = [](Call& c) -> Status {
        const Datum& value = c.datum(0);
        if (value.kind != Datum::Kind::optional) return hand_on(c, 0, value);
        if (value.items.empty()) return value_error(c, "the optional is empty");
        return hand_on(c, 0, value.items[0]);
      },
  };
  return def;
}

}  // namespace hone
