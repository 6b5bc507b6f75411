"""Salesforce's formula language: compiled once when a world is loaded, then read for one record after another."""

from concord_sandbox.salesforce.rules.formulas.compiling import Formula, compile_formula
from concord_sandbox.salesforce.rules.formulas.syntax import FormulaTrouble
from concord_sandbox.salesforce.rules.formulas.terms import FormulaFailure, Frame

__all__ = ["Formula", "FormulaFailure", "FormulaTrouble", "Frame", "compile_formula"]
