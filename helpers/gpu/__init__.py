"""What a GPU does with the collection, measured by one command: ``python -m helpers gpu``.

Four parts (``command``), each a process of its own with a share of the time and a file of its own: the live training
cells beside what they printed on the CPU (``cells``), the losses beside the card's own matrix products and the images a
second of a SimCLR step (``speed``), one row of every full table (``rows``).
"""
