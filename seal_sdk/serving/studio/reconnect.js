// The page loads itself anew once the server was restarted: the server's id is another one then.
() => {
    let known = null;
    const look = async () => {
        try {
            const { app_id } = await (await fetch("gradio_api/app_id")).json();
            if (known !== null && app_id !== known) location.reload();
            known = app_id;
        } catch {
            // the server is away: it is asked again
        }
    };
    look();
    setInterval(look, 2000);
};
