"""What can be wrong with an alerts' configuration, found before anybody relies on it; nothing here asks the network."""
