"""How what clients send is checked: by pydantic models, and with complaints in words for whoever wrote the client."""
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from .errors import Invalid

Model = TypeVar('Model', bound='Request')
COMPLAINTS = {  # pydantic's types of errors, in words for whoever wrote the client
    'missing': 'is missing',
    'model_type': 'must be an object',
    'string_type': 'must be a string',
    'string_unicode': 'must be Unicode text',
    'bool_type': 'must be true or false',
    'literal_error': 'must be one of {expected}',
    'list_type': 'must be a list',
    'string_too_short': 'must have at least {min_length} characters',
    'string_too_long': 'must have at most {max_length} characters',
    'greater_than_equal': 'must be at least {ge}',
    'less_than_equal': 'must be at most {le}',
    'too_long': 'must have at most {max_length} items',
}


class Request(BaseModel):
    """The base of all requests and events from clients."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, extra='ignore', hide_input_in_errors=True)


def says(**keywords: Any) -> ConfigDict:
    """The model_config of a Request of which the references say something that its fields can't, in JSON Schema."""
    return ConfigDict(json_schema_extra=keywords)


def parse(model: type[Model], data: object) -> Model:
    """Validate what a client sent; raises Invalid with the complaints by field."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        complaints: dict[str, list[str]] = {}
        for item in error.errors(include_url=False, include_input=False):
            field = '.'.join(str(part) for part in item['loc']) or 'body'
            words = COMPLAINTS.get(item['type'], item['msg'])
            complaints.setdefault(field, []).append(words.format(**item.get('ctx', {})))
        raise Invalid(errors=complaints) from None
