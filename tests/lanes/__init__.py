"""Version lanes: the collection run with the oldest and the newest versions that it is meant for."""
