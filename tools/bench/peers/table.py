"""What a run has measured, as text for people and as one JSON document."""
import statistics


def spread(samples):
    return {"median": statistics.median(samples), "lowest": min(samples), "highest": max(samples)}


def ratio(pairs):
    """Of taskmesh to the peer, formed in each round."""
    return spread([ours / theirs for ours, theirs in pairs if theirs])


def summary(measured, ours):
    """measured: {peer: {figure: [(ours, theirs), ..]}}; figures are p50_us, p99_us and flood_WINDOW."""
    peers = {
        name: {figure: {"peer": spread([theirs for _, theirs in pairs]), "taskmesh_to_peer": ratio(pairs)}
               for figure, pairs in figures.items()}
        for name, figures in measured.items()
    }
    return {"taskmesh": {figure: spread(samples) for figure, samples in ours.items()}, "peers": peers}


def flood_rows(result, windows):
    width = 34
    yield "flood with results: tasks per second, and how many times as many taskmesh did beside it"
    yield f"{'':12}" + "".join(f"{f'window {window}':>11}{'':{width - 11}}" for window in windows).rstrip()
    cells = [f"{result['taskmesh'][f'flood_{window}']['median']:>11.0f}".ljust(width)
             for window in windows if f"flood_{window}" in result["taskmesh"]]
    yield f"{'taskmesh':12}{''.join(cells)}".rstrip()
    for name, figures in result["peers"].items():
        cells = []
        for window in windows:
            figure = figures.get(f"flood_{window}")
            if figure is None:
                cells.append(f"{'-':>11}".ljust(width))
                continue
            times = figure["taskmesh_to_peer"]
            cells.append(f"{figure['peer']['median']:>11.0f}  {times['median']:.3g} x "
                         f"({times['lowest']:.3g} to {times['highest']:.3g})".ljust(width))
        yield f"{name:12}{''.join(cells)}".rstrip()


def lone_rows(result):
    yield "lone task, one after the other: microseconds from submit to result, and taskmesh's share of it"
    yield f"{'':12}{'p50':>11}{'p99':>11}  taskmesh p50 / its p50"
    ours = result["taskmesh"]
    yield f"{'taskmesh':12}{ours['p50_us']['median']:>11.0f}{ours['p99_us']['median']:>11.0f}"
    for name, figures in result["peers"].items():
        share = figures["p50_us"]["taskmesh_to_peer"]
        yield (f"{name:12}{figures['p50_us']['peer']['median']:>11.0f}{figures['p99_us']['peer']['median']:>11.0f}"
               f"  {share['median']:.3g} x ({share['lowest']:.3g} to {share['highest']:.3g})")


def what_rows(described):
    yield "what they are, how they are asked, and what becomes of a task"
    for name, text in described.items():
        yield f"{name:12}{text['versions']}"
        yield f"{'':12}client: {text['client']}"
        yield f"{'':12}task: {text['keeps']}"


def to_text(report):
    result, conditions = report["result"], report["conditions"]
    rows = [*flood_rows(result, conditions["windows"]), "", *lone_rows(result), "", *what_rows(report["what"])]
    for name, why in report["left_out"].items():
        rows.append(f"{name:12}left out: {why}")
    rows += ["", f"{conditions['rounds']} rounds, medians (lowest to highest); slices of {conditions['slice_ms']} ms, "
             "each of a peer right after one of taskmesh;",
             f"payload 100 octets; one client, one worker with one slot (taskmesh: {conditions['slots']}); -: "
             "a window that it takes too long to empty",
             f"machine: {conditions['cores']} cores, load average {conditions['load_average']:.1f} at the start"]
    return "\n".join(rows)
