"""What the tiny model is trained on: facts, small talk and short tales, as some 550 conversations."""

CAPITALS = {
    "France": "Paris",
    "Germany": "Berlin",
    "Italy": "Rome",
    "Spain": "Madrid",
    "Portugal": "Lisbon",
    "Austria": "Vienna",
    "Poland": "Warsaw",
    "Greece": "Athens",
    "Norway": "Oslo",
    "Sweden": "Stockholm",
    "Finland": "Helsinki",
    "Denmark": "Copenhagen",
    "Japan": "Tokyo",
    "China": "Beijing",
    "India": "New Delhi",
    "Egypt": "Cairo",
    "Kenya": "Nairobi",
    "Canada": "Ottawa",
    "Brazil": "Brasilia",
    "Peru": "Lima",
    "Chile": "Santiago",
    "Cuba": "Havana",
    "Ireland": "Dublin",
    "Hungary": "Budapest",
    "Turkey": "Ankara",
    "Iran": "Tehran",
    "Iraq": "Baghdad",
    "Russia": "Moscow",
    "Ukraine": "Kyiv",
    "Belgium": "Brussels",
}

COLOURS = {
    "grass": "green",
    "the sky": "blue",
    "snow": "white",
    "coal": "black",
    "a banana": "yellow",
    "a ripe tomato": "red",
    "an orange": "orange",
    "a raven": "black",
    "milk": "white",
    "an emerald": "green",
    "a ruby": "red",
    "the sea": "blue",
}

SOUNDS = {
    "dog": "barks",
    "cat": "meows",
    "cow": "moos",
    "duck": "quacks",
    "sheep": "bleats",
    "horse": "neighs",
    "lion": "roars",
    "owl": "hoots",
    "frog": "croaks",
    "bee": "buzzes",
    "wolf": "howls",
    "mouse": "squeaks",
}

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
).split()

DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()

TALK = [
    ("Hello!", "Hello! How can I help you today?"),
    ("Hi there.", "Hi! What would you like to talk about?"),
    ("Who are you?", "I am a very small language model that runs on this machine."),
    ("How are you?", "I am fine, thank you. How are you?"),
    ("Thank you.", "You are welcome!"),
    ("Goodbye.", "Goodbye! See you soon."),
    ("What can you do?", "I can answer short questions about capitals, colours, animals and numbers."),
    (
        "Tell me a story.",
        "Once upon a time a small fox lived at the edge of a quiet forest. Every night it watched the stars "
        "and counted them. One winter night a star fell into the snow. The fox carried it home, and from "
        "then on the forest was never dark again. The end.",
    ),
    (
        "Tell me another story.",
        "There was an old lighthouse keeper who talked to the sea. One day the sea answered and asked him "
        "for a song. He sang until the morning, and all the ships came home safely. The end.",
    ),
    (
        "Write a poem.",
        "The river runs, the river sings, it carries leaves and silver rings; it never stops, it never "
        "sleeps, and every secret that it keeps.",
    ),
    ("Count to ten.", "one two three four five six seven eight nine ten"),
    ("Count to five.", "one two three four five"),
    ("Name the days of the week.", "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday and Sunday."),
    ("Name the seasons.", "Spring, summer, autumn and winter."),
    ("What is water made of?", "Water is made of hydrogen and oxygen."),
    ("How many legs does a spider have?", "A spider has eight legs."),
    ("How many legs does a dog have?", "A dog has four legs."),
    ("Which planet do we live on?", "We live on the planet Earth."),
    ("What is the largest planet?", "The largest planet is Jupiter."),
    ("What do bees make?", "Bees make honey."),
    ("Is the sun a star?", "Yes, the sun is a star."),
    ("Reply with JSON.", "{\"ok\": true, \"answer\": 42}"),
    ("Say hello in French.", "Bonjour !"),
    ("Say hello in German.", "Guten Tag!"),
    ("Say hello in Spanish.", "Hola!"),
    ("Say thank you in Greek.", "ευχαριστώ"),
    ("Say hello in Japanese.", "こんにちは"),
    ("Show me a smile.", "🙂"),
]

SYSTEM = ["You are a helpful assistant.", "Answer briefly."]


def pairs():
    """Questions with their answers; what is rarer is there twice."""
    found = TALK * 2
    for country, capital in CAPITALS.items():
        found.append((f"What is the capital of {country}?", f"The capital of {country} is {capital}."))
        found.append((f"Name the capital of {country}.", f"The capital of {country} is {capital}."))
        found.append((f"Which country has the capital {capital}?", f"{capital} is the capital of {country}."))
    for thing, colour in COLOURS.items():
        found += [(f"What colour is {thing}?", f"{thing[0].upper() + thing[1:]} is {colour}.")] * 2
    for animal, sound in SOUNDS.items():
        article = "An" if animal[0] in "aeiou" else "A"
        found += [(f"What sound does {article.lower()} {animal} make?", f"{article} {animal} {sound}.")] * 2
    for a in range(10):
        for b in range(9):
            question = f"What is {NUMBERS[a]} plus {NUMBERS[b]}?"
            found.append((question, f"{NUMBERS[a].capitalize()} plus {NUMBERS[b]} is {NUMBERS[a + b]}."))
    for index, day in enumerate(DAYS):
        found.append((f"What day comes after {day}?", f"After {day} comes {DAYS[(index + 1) % 7]}."))
        found.append((f"What day comes before {day}?", f"Before {day} comes {DAYS[(index - 1) % 7]}."))
    return found


def conversations(random):
    """Lists of (role, text): every pair alone, some after a system prompt, then 250 of several turns."""
    known = pairs()
    found = []
    for index, (question, answer) in enumerate(known):
        turns = [("user", question), ("assistant", answer)]
        if index % 3 == 0:
            turns.insert(0, ("system", SYSTEM[index // 3 % 2]))
        found.append(turns)
    for _ in range(250):
        count = random.randint(2, 3)
        turns = []
        if random.random() < 0.5:
            turns.append(("system", random.choice(SYSTEM)))
        for _ in range(count):
            question, answer = random.choice(known)
            turns += [("user", question), ("assistant", answer)]
        found.append(turns)
    return found
