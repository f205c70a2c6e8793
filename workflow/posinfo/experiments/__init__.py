"""Extensions of the core: a folder each, with everything of it. An experiment imports the core, never another one."""
