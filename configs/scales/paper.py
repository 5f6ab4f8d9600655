# Scale "paper": the configs of the tables as they are. Other scales say what they put in their place.
kind = 'scale'
bases = dict()  # base file -> base file in its place
configs = dict()  # config -> config in its place, where another base is not enough
variables = dict()  # values by kind of config, or by a file that a config is or inherits from
layers = dict()  # block of a table -> block in its place
