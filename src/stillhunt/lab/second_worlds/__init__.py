"""A second generator of worlds, of other construction than the first: for final scoring only, never for tuning."""

from stillhunt.lab.second_worlds.build import build_second_world as build_second_world
from stillhunt.lab.second_worlds.spec import SecondSpec as SecondSpec
