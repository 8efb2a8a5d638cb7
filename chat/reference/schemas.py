"""JSON Schemas (2020-12) of all types that are declared of operations and events, made by pydantic from the types."""
import inspect
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import AliasChoices, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from ..validation import Request

Schema = dict[str, Any]
UNIONS = (Union, UnionType)
SHARED = '#/components/schemas/'


class Generator(GenerateJsonSchema):
    """Pydantic's, without titles that say the name again; objects that are answered have no further fields."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """As pydantic asks."""
        return False

    def typed_dict_schema(self, schema: Any) -> JsonSchemaValue:
        """As pydantic asks."""
        return {'additionalProperties': False, **super().typed_dict_schema(schema)}


class Schemas:
    """Of some types: how each is referred to, and the `shared` ones, by name, that are referred to.

    Types are compared by their text, since not all of them can be hashed.
    """

    def __init__(self, types: Iterable[Any]) -> None:
        by_name = {repr(declared): declared for declared in types}
        found, definitions = TypeAdapter.json_schemas(
            [(name, 'validation' if is_request(declared) else 'serialization', TypeAdapter(declared))
             for name, declared in by_name.items()],
            ref_template=SHARED + '{model}', schema_generator=Generator)
        self._found = {name: plain(schema) for (name, _), schema in found.items()}
        self.shared: dict[str, Schema] = {name: plain(schema) for name, schema in definitions.get('$defs', {}).items()}
        self._requests = {model.__name__: model for model in by_name.values() if is_request(model)}

    def of(self, declared: Any) -> Schema:
        """The schema of one of the types, mostly a reference."""
        schema: Schema = self._found[repr(declared)]
        return schema

    def whole(self, declared: Any) -> Schema:
        """The schema of one of the types itself, where that would be a reference."""
        return self.resolve(self.of(declared))

    def resolve(self, schema: Schema) -> Schema:
        """What a reference refers to; anything else as it is."""
        reference: str | None = schema.get('$ref')
        return schema if reference is None else self.shared[reference.removeprefix(SHARED)]

    def with_other_names(self) -> dict[str, Schema]:
        """The shared ones, in which fields of requests that have further names are listed by these too."""
        return {name: other_names_in(self._requests[name], schema) if name in self._requests else schema
                for name, schema in self.shared.items()}


def is_request(declared: Any) -> bool:
    """Whether the type is that of something that clients send."""
    return inspect.isclass(declared) and issubclass(declared, Request)


def plain(schema: Any) -> Any:
    """A schema without what only repeats: titles, and nulls that say that there is no default."""
    if isinstance(schema, Mapping):
        return {key: plain(value) for key, value in schema.items()
                if not (key == 'title' and isinstance(value, str) or key == 'default' and value is None)}
    return [plain(item) for item in schema] if isinstance(schema, list) else schema


def other_names_in(model: type[Request], schema: Schema) -> Schema:
    """The schema of a request with the further names of its fields, which count where the first is not there.

    Of a field that is required any will do.
    """
    properties, required = dict(schema['properties']), list(schema.get('required', ()))
    rules: list[Schema] = []
    for field in model.model_fields.values():
        if not isinstance(field.validation_alias, AliasChoices):
            continue
        first, *others = map(str, field.validation_alias.choices)
        for other in others:
            properties[other] = {'description': f'Another name of `{first}`, where that is not there.'}
        instead = {other: properties[first] for other in others}
        rules.append({'if': {'not': {'required': [first]}}, 'then': {'properties': instead}})
        if first in required:
            required.remove(first)
            rules.append({'anyOf': [{'required': [name]} for name in (first, *others)]})
    changed = {**schema, 'properties': properties, 'required': required, **({'allOf': rules} if rules else {})}
    return {key: value for key, value in changed.items() if key != 'required' or value}


def parts_of(declared: Any) -> tuple[Any, ...]:
    """The types of a union; of any other the type itself."""
    return get_args(declared) if get_origin(declared) in UNIONS else (declared,)
