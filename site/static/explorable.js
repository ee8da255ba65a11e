// One explorable: a slider is an assumption. Filled by explorables.py.
